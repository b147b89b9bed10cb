package watch;

import java.util.Map;
import java.util.Properties;
import org.apache.kafka.clients.consumer.ConsumerConfig;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.common.utils.Bytes;
import org.apache.kafka.streams.KafkaStreams;
import org.apache.kafka.streams.StoreQueryParameters;
import org.apache.kafka.streams.StreamsBuilder;
import org.apache.kafka.streams.StreamsConfig;
import org.apache.kafka.streams.kstream.Consumed;
import org.apache.kafka.streams.kstream.Materialized;
import org.apache.kafka.streams.state.KeyValueStore;
import org.apache.kafka.streams.state.QueryableStoreTypes;

/**
 * A table of the topic "keys" in a store with a changelog, until SIGTERM: for measuring how fast it is restored.
 * Arguments: bootstrap, application id, state directory. Once it runs, the table is read: "EVENT ENTRIES ms count sum", the sum
 * being that of all bytes of the values.
 */
public final class KeyTable {
    public static void main(String[] args) {
        var properties = new Properties();
        properties.putAll(Map.of(
                StreamsConfig.BOOTSTRAP_SERVERS_CONFIG, args[0],
                StreamsConfig.APPLICATION_ID_CONFIG, args[1],
                StreamsConfig.STATE_DIR_CONFIG, args[2],
                StreamsConfig.PROCESSING_GUARANTEE_CONFIG, StreamsConfig.EXACTLY_ONCE_V2,
                StreamsConfig.COMMIT_INTERVAL_MS_CONFIG, 100,
                StreamsConfig.REPLICATION_FACTOR_CONFIG, 1,
                ConsumerConfig.AUTO_OFFSET_RESET_CONFIG, "earliest",
                // It does not leave the group when it ends, and the next one waits for that.
                ConsumerConfig.SESSION_TIMEOUT_MS_CONFIG, 6000,
                ConsumerConfig.HEARTBEAT_INTERVAL_MS_CONFIG, 1000));
        var builder = new StreamsBuilder();
        builder.table(
                "keys",
                Consumed.with(Serdes.String(), Serdes.ByteArray()),
                Materialized.<String, byte[], KeyValueStore<Bytes, byte[]>>as("keys"));
        var streams = new KafkaStreams(builder.build(properties), properties);
        streams.setStateListener((now, before) -> {
            WatchApp.event(now.name());
            if (now == KafkaStreams.State.RUNNING) {
                new Thread(() -> tell(streams)).start();
            }
        });
        streams.setGlobalStateRestoreListener(new WatchApp.RestoreEvents());
        Runtime.getRuntime().addShutdownHook(new Thread(streams::close));
        streams.start();
    }

    private static void tell(KafkaStreams streams) {
        var store = streams.store(StoreQueryParameters.fromNameAndType("keys", QueryableStoreTypes.<String, byte[]>keyValueStore()));
        long entries = 0;
        long sum = 0;
        try (var all = store.all()) {
            while (all.hasNext()) {
                entries++;
                for (byte each : all.next().value) {
                    sum += each & 255;
                }
            }
        }
        WatchApp.event("ENTRIES", entries + " " + sum);
    }

    private KeyTable() {}
}
