import java.io.BufferedReader;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.lang.reflect.InvocationTargetException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Base64;
import java.util.List;
import org.apache.kafka.common.utils.Exit;

/**
 * Runs Kafka's command line tools one after the other in one virtual machine, whose start costs more than most of them.
 * A line of standard input is a call, a line of standard output its answer, words in base64:
 *
 *   CLASS INPUT ARGUMENT ...   →   STATUS OUTPUT
 *
 * INPUT is what the tool reads as its standard input, OUTPUT what it printed to both outputs.
 */
public class KafkaTools {
    /** Ends the main method of a tool that wants to end the process. */
    private static final class Exited extends Error {
        Exited() {
            super(null, null, false, false);
        }
    }

    private static final ByteArrayOutputStream output = new ByteArrayOutputStream();
    private static int status;
    /** How much was printed before the tool's own exit; -1 before that. Some catch what ends them, and complain. */
    private static int printed;
    /** What a tool does at the end of the process, such as sending what is buffered. */
    private static final List<Runnable> hooks = new ArrayList<>();

    public static void main(String[] none) throws Exception {
        PrintStream answers = System.out;
        BufferedReader calls = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.US_ASCII));
        PrintStream print = new PrintStream(output, true, StandardCharsets.UTF_8);
        System.setOut(print);
        System.setErr(print);
        Exit.setExitProcedure(KafkaTools::exit);
        Exit.setHaltProcedure(KafkaTools::exit);
        Exit.setShutdownHookAdder((name, hook) -> hooks.add(hook));
        for (String line = calls.readLine(); line != null; line = calls.readLine()) {
            String[] words = Arrays.stream(line.split(" ", -1)).map(KafkaTools::decode).toArray(String[]::new);
            output.reset();
            status = 0;
            printed = -1;
            System.setIn(new ByteArrayInputStream(words[1].getBytes(StandardCharsets.UTF_8)));
            run(words[0], Arrays.copyOfRange(words, 2, words.length), print);
            hooks.forEach(Runnable::run);
            hooks.clear();
            byte[] bytes = output.toByteArray();
            if (printed >= 0) bytes = Arrays.copyOf(bytes, printed);
            answers.println(status + " " + Base64.getEncoder().encodeToString(bytes));
            answers.flush();
        }
        Runtime.getRuntime().halt(0); // whatever threads tools left behind
    }

    private static void run(String className, String[] args, PrintStream print) throws ReflectiveOperationException {
        try {
            Class.forName(className).getMethod("main", String[].class).invoke(null, (Object) args);
        } catch (InvocationTargetException thrown) {
            if (thrown.getCause() instanceof Exited) return;
            thrown.getCause().printStackTrace(print);
            if (printed < 0) status = 1;
        }
    }

    private static void exit(int code, String message) {
        if (printed < 0) {
            printed = output.size();
            status = code;
        }
        throw new Exited();
    }

    private static String decode(String word) {
        return new String(Base64.getDecoder().decode(word), StandardCharsets.UTF_8);
    }
}
