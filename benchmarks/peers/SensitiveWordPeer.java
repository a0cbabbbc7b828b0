import com.fasterxml.jackson.databind.ObjectMapper;
import com.github.houbb.sensitive.word.bs.SensitiveWordBs;
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.lang.management.ManagementFactory;
import java.lang.management.ThreadMXBean;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;

/**
 * Finds listed words in batches of texts, on command, and says what that took.
 *
 * <p>Arguments: a file of words, one a line; a file of texts, one JSON array of strings a line; passes over all texts before the
 * first answer, in which the JIT compiles. Then, for each line with the number of a batch on standard input, prints the
 * nanoseconds of CPU that this thread needed for it, and the words found. Garbage is collected by other threads, uncounted.
 */
public final class SensitiveWordPeer {
  public static void main(String[] arguments) throws Exception {
    List<String> listed = Files.readAllLines(Path.of(arguments[0]), StandardCharsets.UTF_8);
    ObjectMapper json = new ObjectMapper();
    List<String[]> batches =
        Files.readAllLines(Path.of(arguments[1]), StandardCharsets.UTF_8).stream().map(line -> strings(json, line)).toList();
    SensitiveWordBs words =
        SensitiveWordBs.newInstance()
            .wordDeny(() -> listed)
            .wordAllow(() -> List.of())
            .ignoreCase(true)
            .ignoreWidth(true)
            .ignoreNumStyle(true)
            .ignoreChineseStyle(true)
            .ignoreEnglishStyle(true)
            .ignoreRepeat(true)
            .init();
    for (int pass = Integer.parseInt(arguments[2]); pass > 0; pass--) {
      batches.forEach(batch -> found(words, batch));
    }
    System.out.println("ready");
    ThreadMXBean threads = ManagementFactory.getThreadMXBean();
    BufferedReader commands = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
    for (String line = commands.readLine(); line != null; line = commands.readLine()) {
      String[] batch = batches.get(Integer.parseInt(line.strip()));
      long began = threads.getCurrentThreadCpuTime();
      int found = found(words, batch);
      System.out.println((threads.getCurrentThreadCpuTime() - began) + " " + found);
    }
  }

  private static int found(SensitiveWordBs words, String[] batch) {
    return Arrays.stream(batch).mapToInt(text -> words.findAll(text).size()).sum();
  }

  private static String[] strings(ObjectMapper json, String line) {
    try {
      return json.readValue(line, String[].class);
    } catch (java.io.IOException error) {
      throw new java.io.UncheckedIOException(error);
    }
  }
}
