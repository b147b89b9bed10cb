import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.*;
import org.apache.kafka.clients.admin.*;
import org.apache.kafka.clients.consumer.*;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;

/**
 * Reads what a fault run has left in its topics (read_committed), recomputes it record by record with Kafka's own client and
 * nothing of the engine, and looks for transactions that are still open.
 *
 *     java -cp 'JARS/*' Verifier.java BROKERS APPLICATION-ID ACKNOWLEDGED
 *
 * ACKNOWLEDGED: how many records of each input partition the broker has acknowledged, as "120,118,131,125". Prints one
 * JSON object. What it says of a lane (a sequence whose order counts): `lost`, what should be there and is not; `duplicated`,
 * what is there more often than it should; `wrong`, what should not be there at all; `outOfOrder`, what comes after something
 * that it should come before.
 */
public class Verifier {
  // As in pipeline.ts.
  static final int PARTITIONS = 4;
  static final long SIZE = 5_000;
  static final long GRACE = 2_000;
  static final long MODULUS = 1_000_003;
  static final int PROBLEMS_TOLD = 20;

  static final ObjectMapper json = new ObjectMapper();

  final Map<String, Long> found = new LinkedHashMap<>();
  final List<String> problems = new ArrayList<>();
  final Map<String, Long> records = new LinkedHashMap<>();

  public static void main(String[] words) throws Exception {
    new Verifier().run(words[0], words[1], Arrays.stream(words[2].split(",")).mapToLong(Long::parseLong).toArray());
  }

  void run(String brokers, String applicationId, long[] acknowledged) throws Exception {
    for (String kind : List.of("lost", "duplicated", "outOfOrder", "wrong", "hangingTransactions")) found.put(kind, 0L);
    String input = applicationId + "-numbers";
    String counts = applicationId + "-counts";
    String windows = applicationId + "-windows";
    String late = applicationId + "-late";
    String repartition = applicationId + "-window-repartition";

    Map<String, Object> settings = Map.of("bootstrap.servers", brokers);
    try (Admin admin = Admin.create(settings)) {
      // Before reading: a reader that stops at an open transaction would report what lies behind it as lost.
      checkTransactions(admin, applicationId);
    }
    List<List<ConsumerRecord<byte[], byte[]>>> numbers = read(brokers, input);
    List<List<ConsumerRecord<byte[], byte[]>>> regrouped = read(brokers, repartition);

    for (int p = 0; p < PARTITIONS; p++) {
      List<String> expected = new ArrayList<>();
      for (long number = 0; number < acknowledged[p]; number++) expected.add("number " + number);
      List<String> actual = new ArrayList<>();
      for (var record : numbers.get(p)) actual.add("number " + value(record).get("number"));
      compare("input " + p, expected, actual);
    }
    checkCounts(numbers, read(brokers, counts));
    checkRepartition(numbers, regrouped);
    checkWindows(regrouped, read(brokers, windows), read(brokers, late));

    Map<String, Object> report = new LinkedHashMap<>(found);
    report.put("records", records);
    report.put("problems", problems);
    System.out.println(json.writeValueAsString(report));
  }

  /** A task counts its records one after the other, so a partition of the output has the order of the input's. */
  void checkCounts(List<List<ConsumerRecord<byte[], byte[]>>> numbers, List<List<ConsumerRecord<byte[], byte[]>>> counts)
      throws Exception {
    for (int p = 0; p < PARTITIONS; p++) {
      Map<String, Long> count = new HashMap<>();
      Map<String, Long> time = new HashMap<>();
      List<String> expected = new ArrayList<>();
      for (var record : numbers.get(p)) {
        String key = text(record.key());
        long now = count.merge(key, 1L, Long::sum);
        // The greatest timestamp so far.
        expected.add(key + " = " + now + " at " + time.merge(key, record.timestamp(), Math::max));
      }
      List<String> actual = new ArrayList<>();
      for (var record : counts.get(p)) {
        actual.add(text(record.key()) + " = " + ByteBuffer.wrap(record.value()).getLong() + " at " + record.timestamp());
      }
      compare("counts " + p, expected, actual);
    }
  }

  /** What one task writes to one partition keeps its order; what several tasks write is interleaved. */
  void checkRepartition(
      List<List<ConsumerRecord<byte[], byte[]>>> numbers, List<List<ConsumerRecord<byte[], byte[]>>> regrouped)
      throws Exception {
    Map<String, Integer> home = new HashMap<>();
    Map<String, List<String>> actual = new TreeMap<>();
    for (int p = 0; p < PARTITIONS; p++) {
      for (var record : regrouped.get(p)) {
        String group = text(record.key());
        if (home.merge(group, p, (first, again) -> first) != p) problem("wrong", "repartition", group + " is in two partitions");
        JsonNode value = value(record);
        actual.computeIfAbsent(value.get("partition") + " to " + p, lane -> new ArrayList<>()).add(described(record));
      }
    }
    Map<String, List<String>> expected = new TreeMap<>();
    for (int p = 0; p < PARTITIONS; p++) {
      for (var record : numbers.get(p)) {
        String group = value(record).get("group").asText();
        String lane = p + " to " + home.getOrDefault(group, -1);
        expected.computeIfAbsent(lane, each -> new ArrayList<>()).add(group + " " + described(record, false));
      }
    }
    Set<String> lanes = new TreeSet<>(expected.keySet());
    lanes.addAll(actual.keySet());
    for (String lane : lanes) {
      compare("repartition " + lane, expected.getOrDefault(lane, List.of()), actual.getOrDefault(lane, List.of()));
    }
  }

  record Window(String key, long start) {}

  static final class Sum {
    long count;
    long hash;
    long timestamp = Long.MIN_VALUE;
  }

  /**
   * A window takes records while its end and the grace are beyond the greatest timestamp of the partition, which the record at
   * hand raises first. It is final once, when that has passed; what comes later for it is late.
   */
  void checkWindows(
      List<List<ConsumerRecord<byte[], byte[]>>> regrouped,
      List<List<ConsumerRecord<byte[], byte[]>>> windows,
      List<List<ConsumerRecord<byte[], byte[]>>> late)
      throws Exception {
    Comparator<Window> order = Comparator.<Window>comparingLong(Window::start)
        .thenComparing(window -> window.key().getBytes(StandardCharsets.UTF_8), Arrays::compareUnsigned);
    for (int p = 0; p < PARTITIONS; p++) {
      TreeMap<Window, Sum> open = new TreeMap<>(order);
      long time = Long.MIN_VALUE;
      List<String> expectedFinal = new ArrayList<>();
      List<String> expectedLate = new ArrayList<>();
      for (var record : regrouped.get(p)) {
        time = Math.max(time, record.timestamp());
        while (!open.isEmpty() && open.firstKey().start() + SIZE + GRACE <= time) {
          var closed = open.pollFirstEntry();
          Sum sum = closed.getValue();
          expectedFinal.add(described(closed.getKey(), sum.count, sum.hash, sum.timestamp));
        }
        long start = Math.floorDiv(record.timestamp(), SIZE) * SIZE;
        if (start + SIZE + GRACE <= time) {
          expectedLate.add(described(record));
          continue;
        }
        JsonNode value = value(record);
        Sum sum = open.computeIfAbsent(new Window(text(record.key()), start), window -> new Sum());
        sum.count++;
        sum.hash = (sum.hash * 31 + value.get("number").asLong() * PARTITIONS + value.get("partition").asLong()) % MODULUS;
        sum.timestamp = Math.max(sum.timestamp, record.timestamp());
      }
      List<String> actualFinal = new ArrayList<>();
      for (var record : windows.get(p)) {
        JsonNode value = value(record);
        Window window = new Window(text(record.key()), value.get("start").asLong());
        actualFinal.add(described(window, value.get("count").asLong(), value.get("hash").asLong(), record.timestamp()));
      }
      List<String> actualLate = new ArrayList<>();
      for (var record : late.get(p)) actualLate.add(described(record));
      compare("windows " + p, expectedFinal, actualFinal);
      compare("late " + p, expectedLate, actualLate);
    }
  }

  static String described(Window window, long count, long hash, long timestamp) {
    return window.key() + " from " + window.start() + ": " + count + " records, hash " + hash + ", at " + timestamp;
  }

  static String described(ConsumerRecord<byte[], byte[]> record) throws Exception {
    return described(record, true);
  }

  static String described(ConsumerRecord<byte[], byte[]> record, boolean keyed) throws Exception {
    JsonNode value = value(record);
    String origin = "number " + value.get("number") + " of " + value.get("partition") + " at " + record.timestamp();
    return keyed ? text(record.key()) + " " + origin : origin;
  }

  /** Items of a lane are told apart by their text; what is expected twice, since an earlier stage has it twice, by its turn. */
  void compare(String lane, List<String> expected, List<String> actual) {
    records.merge(lane.substring(0, lane.indexOf(' ')), (long) actual.size(), Long::sum);
    Map<String, Deque<Integer>> places = new LinkedHashMap<>();
    for (int at = 0; at < expected.size(); at++) places.computeIfAbsent(expected.get(at), item -> new ArrayDeque<>()).add(at);
    int furthest = -1;
    for (String item : actual) {
      Deque<Integer> left = places.get(item);
      if (left == null) problem("wrong", lane, item);
      else if (left.isEmpty()) problem("duplicated", lane, item);
      else if (left.peek() < furthest) {
        left.remove();
        problem("outOfOrder", lane, item);
      } else furthest = left.remove();
    }
    places.forEach((item, left) -> left.forEach(place -> problem("lost", lane, item)));
  }

  void problem(String kind, String lane, String what) {
    found.merge(kind, 1L, Long::sum);
    if (problems.size() < PROBLEMS_TOLD) problems.add(kind + ", " + lane + ": " + what);
  }

  /** Open on the partitions, which is what holds up readers, or in the eyes of their coordinators. */
  void checkTransactions(Admin admin, String applicationId) throws Exception {
    List<String> topics = admin.listTopics().names().get().stream().filter(name -> name.startsWith(applicationId + "-")).toList();
    List<TopicPartition> partitions = admin.describeTopics(topics).allTopicNames().get().values().stream()
        .flatMap(topic -> topic.partitions().stream().map(each -> new TopicPartition(topic.name(), each.partition())))
        .toList();
    Set<Long> open = new TreeSet<>();
    for (var each : admin.describeProducers(partitions).all().get().entrySet()) {
      for (ProducerState state : each.getValue().activeProducers()) {
        if (state.currentTransactionStartOffset().isEmpty() || !open.add(state.producerId())) continue;
        problem("hangingTransactions", each.getKey().toString(), "producer " + state.producerId());
      }
    }
    Set<TransactionState> ended = EnumSet.of(TransactionState.EMPTY, TransactionState.COMPLETE_COMMIT, TransactionState.COMPLETE_ABORT);
    for (TransactionListing each : admin.listTransactions().all().get()) {
      boolean ours = each.transactionalId().startsWith(applicationId + "-");
      if (!ours || ended.contains(each.state()) || open.contains(each.producerId())) continue;
      problem("hangingTransactions", each.transactionalId(), each.state().toString());
    }
  }

  List<List<ConsumerRecord<byte[], byte[]>>> read(String brokers, String topic) {
    Properties settings = new Properties();
    settings.put("bootstrap.servers", brokers);
    settings.put("isolation.level", "read_committed");
    settings.put("enable.auto.commit", "false");
    try (var consumer = new KafkaConsumer<>(settings, new ByteArrayDeserializer(), new ByteArrayDeserializer())) {
      List<TopicPartition> partitions = new ArrayList<>();
      List<List<ConsumerRecord<byte[], byte[]>>> result = new ArrayList<>();
      for (int p = 0; p < PARTITIONS; p++) {
        partitions.add(new TopicPartition(topic, p));
        result.add(new ArrayList<>());
      }
      consumer.assign(partitions);
      consumer.seekToBeginning(partitions);
      Map<TopicPartition, Long> ends = consumer.endOffsets(partitions);
      while (partitions.stream().anyMatch(each -> consumer.position(each) < ends.get(each))) {
        for (var record : consumer.poll(Duration.ofMillis(100))) result.get(record.partition()).add(record);
      }
      return result;
    }
  }

  static JsonNode value(ConsumerRecord<byte[], byte[]> record) throws Exception {
    return json.readTree(record.value());
  }

  static String text(byte[] bytes) {
    return new String(bytes, StandardCharsets.UTF_8);
  }
}
