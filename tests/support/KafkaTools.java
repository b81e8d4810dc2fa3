import java.io.BufferedReader;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.io.OutputStream;
import java.io.PrintStream;
import java.lang.reflect.Field;
import java.lang.reflect.InvocationTargetException;
import java.net.URL;
import java.net.URLClassLoader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Base64;
import java.util.List;
import java.util.Map;
import org.apache.kafka.common.utils.Exit;

/**
 * Runs Kafka's command line tools in one virtual machine, whose start costs more than most of them; as many at a time as are
 * called. A line of standard input is a call, a line of standard output its answer, words in base64 but for the first:
 *
 *   ID CLASS INPUT ARGUMENT ...   →   ID STATUS OUTPUT
 *
 * INPUT is what the tool reads as its standard input, OUTPUT what it printed to both outputs. The argument of the program is
 * the jar of the tools, which is not on the class path: each call loads their classes anew, for some count in static fields.
 */
public class KafkaTools {
    /** Ends the main method of a tool that wants to end the process. */
    private static final class Exited extends Error {
        Exited() {
            super(null, null, false, false);
        }
    }

    /** What threads belong to: those that a tool starts inherit it. */
    private static final InheritableThreadLocal<Call> current = new InheritableThreadLocal<>();
    private static final PrintStream answers = System.out;
    private static final PrintStream errors = System.err;

    public static void main(String[] jars) throws Exception {
        URL[] tools = {Path.of(jars[0]).toUri().toURL()};
        BufferedReader calls = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.US_ASCII));
        PrintStream print = new PrintStream(new OutputOfCall(), true, StandardCharsets.UTF_8);
        System.setIn(new InputOfCall());
        System.setOut(print);
        System.setErr(print);
        Exit.setExitProcedure((code, message) -> exit(code));
        Exit.setHaltProcedure((code, message) -> exit(code));
        Exit.setShutdownHookAdder((name, hook) -> current.get().hooks.add(hook));
        for (String line = calls.readLine(); line != null; line = calls.readLine()) {
            new Thread(new Call(line.split(" ", -1), tools), "main").start();
        }
        Runtime.getRuntime().halt(0); // whatever threads tools left behind
    }

    private static void exit(int code) {
        Call call = current.get();
        synchronized (call) {
            if (call.printed < 0) {
                call.printed = call.output.size();
                call.status = code;
            }
        }
        throw new Exited();
    }

    private static final class Call implements Runnable {
        private final String id;
        private final String className;
        private final String[] arguments;
        private final URL[] tools;
        private final InputStream input;
        private final ByteArrayOutputStream output = new ByteArrayOutputStream();
        /** What a tool does at the end of the process, such as sending what is buffered. */
        private final List<Runnable> hooks = new ArrayList<>();
        private int status;
        /** How much was printed before the tool's own exit; -1 before that. Some catch what ends them, and complain. */
        private int printed = -1;

        Call(String[] words, URL[] tools) {
            this.tools = tools;
            id = words[0];
            className = decode(words[1]);
            input = new ByteArrayInputStream(decode(words[2]).getBytes(StandardCharsets.UTF_8));
            arguments = Arrays.stream(words).skip(3).map(Call::decode).toArray(String[]::new);
        }

        @Override
        public void run() {
            current.set(this);
            URLClassLoader loader = new URLClassLoader(tools, KafkaTools.class.getClassLoader());
            Thread.currentThread().setContextClassLoader(loader);
            try {
                loader.loadClass(className).getMethod("main", String[].class).invoke(null, (Object) arguments);
            } catch (InvocationTargetException thrown) {
                if (!(thrown.getCause() instanceof Exited)) fail(thrown.getCause());
            } catch (ReflectiveOperationException missing) {
                fail(missing);
            }
            try {
                hooks.addAll(hooksOf(loader));
                for (Runnable hook : hooks) hook.run();
            } catch (Throwable thrown) {
                fail(thrown);
            }
            byte[] bytes = output.toByteArray();
            String text = Base64.getEncoder().encodeToString(printed < 0 ? bytes : Arrays.copyOf(bytes, printed));
            synchronized (answers) {
                answers.println(id + " " + status + " " + text);
                answers.flush();
            }
        }

        /** What it left with the machine, not with Kafka's Exit; taken back, or the machine would grow. */
        @SuppressWarnings("unchecked")
        private static List<Thread> hooksOf(ClassLoader loader) throws ReflectiveOperationException {
            Field field = Class.forName("java.lang.ApplicationShutdownHooks").getDeclaredField("hooks");
            field.setAccessible(true);
            List<Thread> left = new ArrayList<>();
            synchronized (field.getDeclaringClass()) {
                for (Thread hook : ((Map<Thread, Thread>) field.get(null)).keySet()) {
                    if (hook.getContextClassLoader() == loader) left.add(hook);
                }
            }
            left.forEach(Runtime.getRuntime()::removeShutdownHook);
            return left;
        }

        private void fail(Throwable thrown) {
            thrown.printStackTrace();
            if (printed < 0) status = 1;
        }

        private static String decode(String word) {
            return new String(Base64.getDecoder().decode(word), StandardCharsets.UTF_8);
        }
    }

    /** Threads of no call have their say with the process. */
    private static final class OutputOfCall extends OutputStream {
        private OutputStream target() {
            Call call = current.get();
            return call == null ? errors : call.output;
        }

        @Override
        public void write(int octet) throws java.io.IOException {
            target().write(octet);
        }

        @Override
        public void write(byte[] bytes, int start, int length) throws java.io.IOException {
            target().write(bytes, start, length);
        }
    }

    private static final class InputOfCall extends InputStream {
        @Override
        public int read() throws java.io.IOException {
            return current.get().input.read();
        }

        @Override
        public int read(byte[] bytes, int start, int length) throws java.io.IOException {
            return current.get().input.read(bytes, start, length);
        }

        @Override
        public int available() throws java.io.IOException {
            return current.get().input.available();
        }
    }
}
