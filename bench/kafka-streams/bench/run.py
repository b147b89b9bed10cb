"""Measures the Kafka Streams application against a broker whose input topic is loaded, and checks every output record.

  run.py [--runs 3] [--out results.jsonl] VARIANT...      (run.py --list names the variants)
  run.py --restore [VARIANT]                              kill mid-run, wipe the state directory, restart
  run.py --command TEMPLATE ...                           another program than the Java one: its words, in which {applicationId},
                                                          {stateDir}, {bootstrap}, {model}, {guarantee} and {threads} are filled in

The broker is 127.0.0.1:29092, or $WATCH_BOOTSTRAP. Time runs from the first batch of input reaching the application to the
moment the committed offsets cover the whole input (seen by polling the group's offsets every 50 ms). CPU is the process's
user+system time in that span, from /proc.
"""
import argparse, csv, json, os, shlex, shutil, signal, struct, subprocess, sys, threading, time
from confluent_kafka import Consumer, ConsumerGroupTopicPartitions, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(HERE)
WORK = os.environ.get("WATCH_WORK", os.path.join(ROOT, "work"))
BOOTSTRAP = os.environ.get("WATCH_BOOTSTRAP", "127.0.0.1:29092")
PARTITIONS = 4
INPUT, OUTPUTS = "ticker-watch-data", ["predictions", "annotation-requests"]
TICK = os.sysconf("SC_CLK_TCK")
PATIENCE = 900  # seconds for one run, on a machine that is busy
COMMAND = None
JVM = ["-Xms1g", "-Xmx1g", "-XX:+UseParallelGC"]

EOS, ALO = {"guarantee": "exactly_once_v2"}, {"guarantee": "at_least_once"}
VARIANTS = {
    "eos-1": EOS, "eos-2": EOS | {"threads": 2},
    "alo-1": ALO, "alo-2": ALO | {"threads": 2},
    "suppress-eos-1": EOS | {"emit": "suppress"},
    "defaultretention-eos-1": EOS | {"retentionMs": 6000},
    "throttled-eos-1": EOS | {"emitIntervalMs": 1000},
    "noonnx-eos-1": EOS | {"model": "none"},
    "tumbling-eos-1": EOS | {"advanceMs": 5000},
    "memory-eos-1": EOS | {"store": "memory"},
    "memory-alo-1": ALO | {"store": "memory"},
    "nolog-alo-1": ALO | {"changelog": "false"},
    "nocache-eos-1": EOS | {"kafka.statestore.cache.max.bytes": 0},
    "g1-eos-1": EOS | {"jvm": ["-Xms1g", "-Xmx1g", "-XX:+UseG1GC"]},
    "commit1s-eos-1": EOS | {"commitIntervalMs": 1000},
    "fastreader-eos-1": EOS | {"avroFastReader": "true"},
    "jfr-eos-1": EOS | {"jvm": JVM + [f"-XX:StartFlightRecording=filename={WORK}/eos-1.jfr,settings=profile,dumponexit=true"]},
    "streamsprotocol-eos-1": EOS | {"kafka.group.protocol": "streams"},
}

admin = AdminClient({"bootstrap.servers": BOOTSTRAP})


def wait(futures):
    for f in futures.values():
        f.result()


def fresh_outputs():
    """Empty output topics, and no internal topics of earlier runs."""
    for attempt in range(50):
        topics = [t for t in admin.list_topics(timeout=10).topics if t in OUTPUTS or t.startswith("watch-")]
        if not topics:
            break
        wait(admin.delete_topics(topics))
        time.sleep(0.3)
    for attempt in range(50):
        try:
            wait(admin.create_topics([NewTopic(t, PARTITIONS, 1, config={"retention.ms": "-1"}) for t in OUTPUTS]))
            return
        except Exception:
            time.sleep(0.3)
    raise SystemExit("cannot create the output topics")


def input_end():
    c = Consumer({"bootstrap.servers": BOOTSTRAP, "group.id": "x"})
    n = sum(c.get_watermark_offsets(TopicPartition(INPUT, p), timeout=10)[1] for p in range(PARTITIONS))
    c.close()
    return n


def committed(group):
    try:
        r = admin.list_consumer_group_offsets([ConsumerGroupTopicPartitions(group)], request_timeout=5)
        return sum(max(0, tp.offset) for tp in r[group].result().topic_partitions if tp.topic == INPUT)
    except Exception:
        return 0


def cpu(pid):
    f = open(f"/proc/{pid}/stat").read().rsplit(")", 1)[1].split()
    return (int(f[11]) + int(f[12])) / TICK


def busy():
    """CPU seconds the whole machine has spent working"""
    f = [int(x) for x in open("/proc/stat").readline().split()[1:]]
    return (f[0] + f[1] + f[2] + f[5] + f[6]) / TICK


def peak_rss(pid):
    return next(int(l.split()[1]) for l in open(f"/proc/{pid}/status") if l.startswith("VmHWM")) // 1024


class App:
    def __init__(self, name, options, state=None):
        options = dict(options)
        self.id = name
        self.state = state or f"{WORK}/state/{name}"
        shutil.rmtree(self.state, ignore_errors=True)
        os.makedirs(self.state)
        jvm = options.pop("jvm", JVM)
        settings = {"applicationId": name, "stateDir": self.state, "bootstrap": BOOTSTRAP, "model": f"{ROOT}/model.onnx", **options}
        flags = [f"-D{k if k.startswith('kafka.') else 'watch.' + k}={v}" for k, v in settings.items()]
        command = ["java", *jvm, *flags, "-cp", f"{ROOT}/target/watch-kstreams-1.0.0.jar:{ROOT}/target/lib/*", "watch.WatchApp"]
        if COMMAND:
            values = {"threads": 1, **settings, "guarantee": settings["guarantee"].removesuffix("_v2")}
            command = [word.format_map(values) for word in shlex.split(COMMAND)]
        self.log = open(f"{WORK}/logs/{name}.err", "a")
        self.spawned = time.time()
        self.events, self.cpu_at, self.seen = [], {}, threading.Condition()
        self.p = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=self.log, text=True)
        threading.Thread(target=self.pump, daemon=True).start()

    def pump(self):
        for line in self.p.stdout:
            if line.startswith("EVENT "):
                _, name, ms, *detail = line.split()
                with self.seen:
                    try:
                        self.cpu_at.setdefault(name, cpu(self.p.pid))
                    except OSError:
                        pass
                    self.events.append((name, int(ms) / 1000, detail))
                    self.seen.notify_all()
        with self.seen:
            self.seen.notify_all()

    def at(self, name, timeout=120):
        with self.seen:
            self.seen.wait_for(lambda: self.p.poll() is not None or any(e[0] == name for e in self.events), timeout)
            return next((e[1] for e in self.events if e[0] == name), None)

    def alive(self):
        if self.p.poll() is not None:
            raise SystemExit(f"the application ended with {self.p.returncode}; see {self.log.name}")

    def stop(self, sig=signal.SIGTERM):
        if self.p.poll() is None:
            self.p.send_signal(sig)
        self.p.wait(60)
        self.log.close()


def decode(value):
    """windowStart, count, label, confidence of a Prediction or AnnotationRequest in Confluent wire format"""
    def varint(i):
        shift = z = 0
        while True:
            z |= (value[i] & 127) << shift
            shift += 7
            i += 1
            if value[i - 1] < 128:
                return (z >> 1) ^ -(z & 1), i
    n, i = varint(5)
    device = value[i:i + n].decode()
    start, i = varint(i + n)
    _, i = varint(i)
    count, i = varint(i)
    label, i = varint(i)
    return device, start, count, label, struct.unpack_from("<f", value, i)[0]


def check(advance, model):
    """Reads what was emitted (committed transactions only) and compares it with the oracle, record by record."""
    got, extra = {}, 0
    for topic in OUTPUTS:
        c = Consumer({"bootstrap.servers": BOOTSTRAP, "group.id": "check", "isolation.level": "read_committed",
                      "enable.auto.commit": False, "auto.offset.reset": "earliest", "enable.partition.eof": True})
        c.assign([TopicPartition(topic, p, 0) for p in range(PARTITIONS)])
        ends = 0
        while ends < PARTITIONS:
            m = c.poll(10)
            if m is None:
                raise SystemExit("timed out reading the outputs")
            if m.error():
                ends += 1
                continue
            device, start, count, label, confidence = decode(m.value())
            assert m.key().decode() == device
            extra += (device, start) in got
            got[device, start] = (count, label, confidence, topic)
        c.close()
    want = {(r["device"], int(r["windowStart"])): r for r in csv.DictReader(open(f"{ROOT}/oracle/expected-{advance}.csv"))
            if r["closed"] == "1"}
    missing = [k for k in want if k not in got]
    unexpected = [k for k in got if k not in want]
    counts = sum(int(want[k]["count"]) != got[k][0] for k in want if k in got)
    scores = sum((want[k]["label"], want[k]["topic"]) != (str(got[k][1]), got[k][3]) for k in want if k in got)
    worst = max((abs(float(want[k]["confidence"]) - got[k][2]) for k in want if k in got), default=0)
    topics = {t: sum(g[3] == t for g in got.values()) for t in OUTPUTS}
    r = {"windows": len(got), **topics, "missing": len(missing), "unexpected": len(unexpected), "duplicates": extra,
         "wrong_counts": counts}
    if model != "none":
        r |= {"wrong_label_or_topic": scores, "worst_confidence_error": worst}
    return r


def measure(variant, total):
    options = VARIANTS[variant]
    broker = int(open(f"{WORK}/broker.pid").read())
    fresh_outputs()
    app = App(f"watch-{variant}-{int(time.time())}", options)
    first = app.at("FIRST_RECORD")
    app.alive()
    cpu0, broker0, busy0 = app.cpu_at["FIRST_RECORD"], cpu(broker), busy()
    half = None
    while True:
        n, now = committed(app.id), time.time()
        if half is None and n >= total // 2:
            half = (n, now, cpu(app.p.pid))
        if n >= total:
            break
        if now - first > PATIENCE:
            app.stop(signal.SIGKILL)
            raise SystemExit("no end in sight")
        app.alive()
        time.sleep(0.05)
    end, cpu1, broker1, busy1, rss = now, cpu(app.p.pid), cpu(broker), busy(), peak_rss(app.p.pid)
    app.stop()
    shutil.rmtree(app.state, ignore_errors=True)
    seconds = end - first
    r = {"variant": variant, "seconds": round(seconds, 2), "records_per_s": round(total / seconds),
         "cpu_s_per_million": round((cpu1 - cpu0) / total * 1e6, 3),
         "second_half_records_per_s": round((total - half[0]) / (end - half[1])) if half[0] < total else None,
         "second_half_cpu_s_per_million": round((cpu1 - half[2]) / (total - half[0]) * 1e6, 3) if half[0] < total else None,
         "broker_cpu_s_per_million": round((broker1 - broker0) / total * 1e6, 3), "peak_rss_mib": rss,
         "cores_used": round((cpu1 - cpu0) / seconds, 2), "other_cores_used": round((busy1 - busy0 - (cpu1 - cpu0) - (broker1 - broker0)) / seconds, 2),
         "start_to_first_record_s": round(first - app.spawned, 2), "start_cpu_s": cpu0,
         "check": check(options.get("advanceMs", 2500), options.get("model"))}
    return r


def restore(variant, total):
    """SIGKILL at about half of the input, state directory wiped, new process with the same application id."""
    options = VARIANTS[variant]
    fresh_outputs()
    name = f"watch-restore-{variant}-{int(time.time())}"
    app = App(name, options)
    first = app.at("FIRST_RECORD")
    while committed(name) < total // 2:
        if time.time() - first > PATIENCE:
            app.stop(signal.SIGKILL)
            raise SystemExit("no end in sight")
        app.alive()
        time.sleep(0.02)
    app.stop(signal.SIGKILL)
    at_kill, killed = committed(name), time.time()
    again = App(name, options)
    deadline = time.time() + PATIENCE
    moved = None
    while True:
        n, now = committed(name), time.time()
        if moved is None and n > at_kill:
            moved = now
        if n >= total or now > deadline:
            break
        again.alive()
        time.sleep(0.05)
    again.stop()
    shutil.rmtree(again.state, ignore_errors=True)
    starts = [e for e in again.events if e[0] == "RESTORE_START"]
    ends = [e for e in again.events if e[0] == "RESTORE_END"]
    return {"variant": variant, "restore_of": at_kill, "restored_changelog_records": sum(int(e[2][1]) for e in ends),
            "changelog_span_offsets": sum(int(e[2][1]) for e in starts),
            "restart_to_first_restore_s": round(min(e[1] for e in starts) - again.spawned, 2) if starts else None,
            "restore_s": round(max(e[1] for e in ends) - min(e[1] for e in starts), 2) if starts else None,
            "restart_to_first_record_s": round(again.at("FIRST_RECORD") - again.spawned, 2),
            "restart_to_new_commit_s": round(moved - again.spawned, 2) if moved else None,
            "finished_after_s": round(now - killed, 2), "committed": n,
            "check": check(options.get("advanceMs", 2500), options.get("model"))}


if __name__ == "__main__":
    ap = argparse.ArgumentParser()
    ap.add_argument("variants", nargs="*", default=["eos-1"])
    ap.add_argument("--runs", type=int, default=1)
    ap.add_argument("--out", default=f"{WORK}/results.jsonl")
    ap.add_argument("--list", action="store_true")
    ap.add_argument("--restore", action="store_true")
    ap.add_argument("--command")
    args = ap.parse_args()
    COMMAND = args.command
    if args.list:
        raise SystemExit("\n".join(f"{k}  {v}" for k, v in VARIANTS.items()))
    os.makedirs(f"{WORK}/logs", exist_ok=True)
    total = input_end()
    for run in range(args.runs):  # round robin, so that a busy spell on the machine does not hit one variant alone
        for variant in args.variants:
            r = (restore if args.restore else measure)(variant, total)
            print(json.dumps(r), flush=True)
            with open(args.out, "a") as f:
                f.write(json.dumps(r) + "\n")
