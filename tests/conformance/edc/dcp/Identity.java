// What an operator of the reference connector adds to it so that it proves who it is by the Decentralized Claims
// Protocol. Its published artifacts leave two things open: which credential it shows and asks for, and where its
// secure token service is (the client for a remote one is not among the artifacts that Maven finds; its library is).

package weal.conformance;

import org.eclipse.edc.iam.decentralizedclaims.spi.SecureTokenService;
import org.eclipse.edc.iam.decentralizedclaims.sts.remote.RemoteSecureTokenService;
import org.eclipse.edc.iam.decentralizedclaims.sts.remote.StsRemoteClientConfiguration;
import org.eclipse.edc.iam.oauth2.spi.client.Oauth2Client;
import org.eclipse.edc.policy.context.request.spi.RequestCatalogPolicyContext;
import org.eclipse.edc.policy.context.request.spi.RequestContractNegotiationPolicyContext;
import org.eclipse.edc.policy.context.request.spi.RequestPolicyContext;
import org.eclipse.edc.policy.context.request.spi.RequestTransferProcessPolicyContext;
import org.eclipse.edc.policy.engine.spi.PolicyEngine;
import org.eclipse.edc.policy.model.Policy;
import org.eclipse.edc.runtime.metamodel.annotation.Inject;
import org.eclipse.edc.runtime.metamodel.annotation.Provider;
import org.eclipse.edc.runtime.metamodel.annotation.Setting;
import org.eclipse.edc.spi.security.Vault;
import org.eclipse.edc.spi.system.ServiceExtension;
import org.eclipse.edc.spi.system.ServiceExtensionContext;

public final class Identity implements ServiceExtension {
    private static final String SECRET_ALIAS = "token-service";

    @Setting(key = "weal.scope", description = "The credential that is shown to peers and asked of them")
    private String scope;

    @Setting(key = "weal.tokens.url", description = "Where the secure token service grants tokens")
    private String tokensUrl;

    @Setting(key = "weal.tokens.client", description = "Who asks there")
    private String client;

    @Setting(key = "weal.tokens.secret", description = "By what it is known")
    private String secret;

    @Inject
    private PolicyEngine policies;

    @Inject
    private Oauth2Client oauth2;

    @Inject
    private Vault vault;

    @Override
    public void initialize(ServiceExtensionContext context) {
        policies.registerPostValidator(RequestCatalogPolicyContext.class, this::askForIt);
        policies.registerPostValidator(RequestContractNegotiationPolicyContext.class, this::askForIt);
        policies.registerPostValidator(RequestTransferProcessPolicyContext.class, this::askForIt);
    }

    private boolean askForIt(Policy policy, RequestPolicyContext request) {
        request.requestScopeBuilder().scope(scope);
        return true;
    }

    @Provider
    public SecureTokenService tokens() {
        return new RemoteSecureTokenService(oauth2, this::configuration, vault);
    }

    private StsRemoteClientConfiguration configuration(String participant) {
        vault.storeSecret(participant, SECRET_ALIAS, secret);
        return new StsRemoteClientConfiguration(tokensUrl, client, SECRET_ALIAS);
    }
}
