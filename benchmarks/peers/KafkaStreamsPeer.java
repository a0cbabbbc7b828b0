import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.ObjectReader;
import com.github.houbb.sensitive.word.bs.SensitiveWordBs;
import java.nio.file.Files;
import java.util.Properties;
import java.util.UUID;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.streams.KafkaStreams;
import org.apache.kafka.streams.StreamsBuilder;
import org.apache.kafka.streams.StreamsConfig;
import org.apache.kafka.streams.kstream.Consumed;
import org.apache.kafka.streams.kstream.Produced;

/**
 * What a Java team would put in front of its chats: Kafka Streams and a library of Chinese words, nothing else.
 *
 * <p>Arguments: BROKERS TOPIC MESSAGES THREADS FOLDER. Reads TOPIC from its beginning, passes records whose text holds a listed
 * word on to TOPIC-peer-out, prints "N messages/s" over MESSAGES, timed from the first one, and ends. No pack is judged, no
 * state is kept, nobody is told.
 */
public final class KafkaStreamsPeer {
  private static final ObjectReader JSON = new ObjectMapper().reader();

  private final SensitiveWordBs words =
      SensitiveWordBs.newInstance()
          .ignoreCase(true)
          .ignoreWidth(true)
          .ignoreNumStyle(true)
          .ignoreChineseStyle(true)
          .ignoreEnglishStyle(true)
          .ignoreRepeat(true)
          .init();
  private final long wanted;
  private long seen;
  private long found;
  private long began;

  private KafkaStreamsPeer(long wanted) {
    this.wanted = wanted;
  }

  /** Several threads may call it: what they count is shared. */
  private boolean isListed(byte[] record) {
    boolean listed;
    try {
      listed = words.contains(JSON.readTree(record).path("text").asText());
    } catch (java.io.IOException error) {
      listed = false;
    }
    count(listed);
    return listed;
  }

  private synchronized void count(boolean listed) {
    if (seen == 0) {
      began = System.nanoTime();
    }
    if (listed) {
      found++;
    }
    if (++seen == wanted) {
      double seconds = (System.nanoTime() - began) / 1e9;
      System.out.printf("%.0f messages/s, %d with a listed word%n", wanted / seconds, found);
      System.out.flush();
      Runtime.getRuntime().halt(0);
    }
  }

  public static void main(String[] arguments) throws Exception {
    String topic = arguments[1];
    KafkaStreamsPeer peer = new KafkaStreamsPeer(Long.parseLong(arguments[2]));
    Properties settings = new Properties();
    settings.put(StreamsConfig.APPLICATION_ID_CONFIG, "streams-peer-" + UUID.randomUUID());
    settings.put(StreamsConfig.BOOTSTRAP_SERVERS_CONFIG, arguments[0]);
    settings.put(StreamsConfig.NUM_STREAM_THREADS_CONFIG, arguments[3]);
    settings.put(StreamsConfig.STATE_DIR_CONFIG, Files.createDirectories(java.nio.file.Path.of(arguments[4])).toString());
    settings.put("auto.offset.reset", "earliest");
    StreamsBuilder builder = new StreamsBuilder();
    builder
        .stream(topic, Consumed.with(Serdes.ByteArray(), Serdes.ByteArray()))
        .filter((key, value) -> peer.isListed(value))
        .to(topic + "-peer-out", Produced.with(Serdes.ByteArray(), Serdes.ByteArray()));
    new KafkaStreams(builder.build(), settings).start();
    Thread.sleep(600_000);
  }
}
