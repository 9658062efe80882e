// Runs tests of a public test kit and says how each of them ended:
//
//     java -cp 'KIT/*' Run.java PROPERTIES [--all] PACKAGE...
//
// The kits' own main programs are not among their published archives and end with success whatever happened.
// With `--all` the tests that a kit itself has switched off are run too.

import java.io.FileReader;
import java.util.Arrays;
import java.util.Properties;

import org.junit.platform.engine.TestExecutionResult;
import org.junit.platform.engine.discovery.ClassNameFilter;
import org.junit.platform.engine.discovery.DiscoverySelectors;
import org.junit.platform.engine.support.descriptor.MethodSource;
import org.junit.platform.launcher.TestExecutionListener;
import org.junit.platform.launcher.TestIdentifier;
import org.junit.platform.launcher.core.LauncherDiscoveryRequestBuilder;
import org.junit.platform.launcher.core.LauncherFactory;

public final class Run {
    public static void main(String[] arguments) throws Exception {
        var properties = new Properties();
        try (var file = new FileReader(arguments[0])) {
            properties.load(file);
        }
        // Where the kits look for what they are told.
        properties.forEach((name, value) -> System.setProperty((String) name, (String) value));
        var words = Arrays.asList(arguments).subList(1, arguments.length);
        var packages = words.stream().filter(word -> !word.equals("--all"));
        var request = LauncherDiscoveryRequestBuilder.request()
                .selectors(packages.map(DiscoverySelectors::selectPackage).toList())
                .filters(ClassNameFilter.includeClassNamePatterns(".*Test"));
        if (words.contains("--all")) {
            request.configurationParameter("junit.jupiter.conditions.deactivate", "org.junit.*DisabledCondition");
        }
        LauncherFactory.create().execute(request.build(), new Reporter());
        // The kits leave threads behind.
        System.exit(0);
    }

    // Lines that begin with `#tck ` are for xtask: outcome, method, title, reason. All other lines are the kit's.
    private static final class Reporter implements TestExecutionListener {
        @Override
        public void executionStarted(TestIdentifier test) {
            if (test.isTest()) {
                say("began", test, "");
            }
        }

        @Override
        public void executionSkipped(TestIdentifier test, String reason) {
            say("skipped", test, reason);
        }

        @Override
        public void executionFinished(TestIdentifier test, TestExecutionResult result) {
            var passed = result.getStatus() == TestExecutionResult.Status.SUCCESSFUL;
            if (test.isTest() || !passed) {
                var why = result.getThrowable().map(Throwable::toString).orElse("");
                say(passed ? "passed" : "failed", test, why);
            }
        }

        private static void say(String outcome, TestIdentifier test, String why) {
            var method = test.getSource()
                    .filter(MethodSource.class::isInstance)
                    .map(source -> ((MethodSource) source).getMethodName())
                    .orElse("");
            var line = String.join("\t", outcome, method, test.getDisplayName(), why);
            System.out.println("#tck " + line.replace('\n', ' ').replace('\r', ' '));
        }
    }
}
