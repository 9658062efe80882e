// Runs the tests of the public test kit and says one line for each:
//
//     java -cp 'KIT/*' Run.java PROPERTIES
//
// The kit's own main program is not among its published archives, ends with success whatever happened, and
// leaves out the tests that the kit itself has switched off. Here they are all run.

import java.io.FileReader;
import java.util.Properties;

import org.junit.platform.engine.TestExecutionResult;
import org.junit.platform.engine.discovery.ClassNameFilter;
import org.junit.platform.engine.discovery.DiscoverySelectors;
import org.junit.platform.launcher.TestExecutionListener;
import org.junit.platform.launcher.TestIdentifier;
import org.junit.platform.launcher.core.LauncherDiscoveryRequestBuilder;
import org.junit.platform.launcher.core.LauncherFactory;

public final class Run {
    private static final String TESTS = "org.eclipse.dataspacetck.dsp.verification";

    public static void main(String[] arguments) throws Exception {
        var properties = new Properties();
        try (var file = new FileReader(arguments[0])) {
            properties.load(file);
        }
        // Where the kit looks for what it is told.
        properties.forEach((name, value) -> System.setProperty((String) name, (String) value));
        var request = LauncherDiscoveryRequestBuilder.request()
                .selectors(DiscoverySelectors.selectPackage(TESTS))
                .filters(ClassNameFilter.includeClassNamePatterns(".*Test"))
                .configurationParameter("junit.jupiter.conditions.deactivate", "org.junit.*DisabledCondition")
                .build();
        LauncherFactory.create().execute(request, new Reporter());
        // The kit leaves threads behind.
        System.exit(0);
    }

    // Lines that begin with `#tck ` are for xtask; everything else that is printed is the kit's.
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
            var line = outcome + "\t" + test.getDisplayName() + "\t" + why;
            System.out.println("#tck " + line.replace('\n', ' ').replace('\r', ' '));
        }
    }
}
