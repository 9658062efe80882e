// What an operator adds to a wallet of the reference connector's family (Eclipse IdentityHub). It has one owner with one
// key, made when it starts, because its API lets in only whom it knows already; what the wallet gave the owner is said
// in a file. And it understands the scopes of the Decentralized Claims Protocol 1.0; by itself this release knows those
// of an older draft only, and says that it is to be told others.

package weal.conformance;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Set;

import org.eclipse.edc.iam.did.spi.document.Service;
import org.eclipse.edc.identityhub.spi.participantcontext.ParticipantContextService;
import org.eclipse.edc.identityhub.spi.participantcontext.model.KeyDescriptor;
import org.eclipse.edc.identityhub.spi.participantcontext.model.ParticipantManifest;
import org.eclipse.edc.identityhub.spi.transformation.ScopeToCriterionTransformer;
import org.eclipse.edc.runtime.metamodel.annotation.Inject;
import org.eclipse.edc.runtime.metamodel.annotation.Provider;
import org.eclipse.edc.runtime.metamodel.annotation.Setting;
import org.eclipse.edc.spi.EdcException;
import org.eclipse.edc.spi.query.Criterion;
import org.eclipse.edc.spi.result.Result;
import org.eclipse.edc.spi.system.ServiceExtension;

public final class Owner implements ServiceExtension {
    private static final String KIND = "org.eclipse.dspace.dcp.vc.type:";
    private static final String READ = ":read";

    @Setting(key = "weal.owner.name", description = "The owner's name in this wallet")
    private String name;

    @Setting(key = "weal.owner.did", description = "The owner's DID")
    private String did;

    @Setting(key = "weal.owner.credentials.url", description = "Where others ask for the owner's credentials")
    private String credentialsUrl;

    @Setting(key = "weal.owner.file", description = "Where to say what the wallet gave: API key, client, its secret")
    private String file;

    @Inject
    private ParticipantContextService participants;

    @Provider
    public ScopeToCriterionTransformer scopes() {
        return scope -> {
            if (!scope.startsWith(KIND) || !scope.endsWith(READ)) {
                return Result.failure("not a scope of this wallet: " + scope);
            }
            var kind = scope.substring(KIND.length(), scope.length() - READ.length());
            return Result.success(new Criterion("verifiableCredential.credential.type", "contains", kind));
        };
    }

    @Override
    public void start() {
        var key = KeyDescriptor.Builder.newInstance()
                .keyId(did + "#key-1")
                .privateKeyAlias(name + "-key-1")
                .keyGeneratorParams(Map.of("algorithm", "EC", "curve", "secp256r1"))
                .build();
        var owner = ParticipantManifest.Builder.newInstance()
                .participantContextId(name)
                .did(did)
                .active(true)
                .keys(Set.of(key))
                .serviceEndpoint(new Service("credentials", "CredentialService", credentialsUrl))
                .build();
        var made = participants.createParticipantContext(owner)
                .orElseThrow(failure -> new EdcException(failure.getFailureDetail()));
        try {
            Files.write(Path.of(file), List.of(made.apiKey(), made.clientId(), made.clientSecret()));
        } catch (IOException cause) {
            throw new EdcException(cause);
        }
    }
}
