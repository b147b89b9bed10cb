#!/bin/bash
# Everything, from nothing: build, data, oracle, broker, load, runs, summary. Needs Java 17, Maven, Python 3.
set -e
cd "$(dirname "$0")/.."
export WATCH_WORK=${WATCH_WORK:-$PWD/work}; work=$WATCH_WORK
mkdir -p $work
[ -x $work/venv/bin/python ] || { python3 -m venv $work/venv
  $work/venv/bin/pip install -q numpy scikit-learn skl2onnx onnx onnxruntime confluent-kafka; }
py=$work/venv/bin/python
mvn -q -B package
cp='target/watch-kstreams-1.0.0.jar:target/lib/*'
mkdir -p $work/data $work/logs $work/state
[ -f $work/data/watch-2m.bin ] || java -cp "$cp" watch.WatchData 2000000 $work/data/watch-2m.bin
[ -f model.onnx ] || gunzip -k model.onnx.gz
[ -f oracle/expected-5000.csv ] || $py bench/oracle.py $work/data/watch-2m.bin oracle --model model.onnx
bench/broker.sh start
trap 'bench/broker.sh stop' EXIT
java -cp "$cp" watch.Loader 127.0.0.1:29092 $work/data/watch-2m.bin
$py bench/run.py --runs "${RUNS:-3}" eos-1 eos-2 alo-1 alo-2
$py bench/run.py --runs "${RUNS:-3}" suppress-eos-1 noonnx-eos-1 tumbling-eos-1 memory-eos-1
$py bench/run.py --restore eos-1
$py bench/summary.py
