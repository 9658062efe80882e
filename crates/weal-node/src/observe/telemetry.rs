//! Starting logs and traces, and flushing them at the end.

use opentelemetry::trace::TracerProvider as _;
use opentelemetry_http::{Bytes, HttpClient, HttpError, Request, Response};
use opentelemetry_otlp::{Protocol, WithExportConfig as _, WithHttpConfig as _};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::SdkTracerProvider;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{EnvFilter, Layer as _};

use crate::config::{Config, ConfigError, LogFormat};

/// Keeps the exporter alive; spans still held are sent when it is dropped.
#[derive(Debug)]
pub struct Telemetry(Option<SdkTracerProvider>);

impl Drop for Telemetry {
    fn drop(&mut self) {
        if let Some(provider) = self.0.take()
            && let Err(cause) = provider.shutdown()
        {
            tracing::warn!(%cause, "the last traces could not be sent");
        }
    }
}

/// Sends logs to standard error and, where configured, traces to an OTLP endpoint.
pub fn start(config: &Config) -> Result<Telemetry, ConfigError> {
    let filter =
        EnvFilter::try_new(&config.log.level).map_err(|cause| ConfigError::wrong("[log] level", cause))?;
    let lines = tracing_subscriber::fmt::layer().with_writer(std::io::stderr);
    let lines = match config.log.format {
        LogFormat::Json => lines.json().flatten_event(true).boxed(),
        LogFormat::Text => lines.boxed(),
    };
    let provider =
        config.telemetry.otlp_traces_url.as_deref().map(|url| exporter(url, config)).transpose()?;
    let spans =
        provider.as_ref().map(|provider| tracing_opentelemetry::layer().with_tracer(provider.tracer("weal")));
    tracing_subscriber::registry()
        .with(spans)
        .with(lines.with_filter(filter))
        .try_init()
        .map_err(|cause| ConfigError::wrong("[log]", cause))?;
    Ok(Telemetry(provider))
}

/// Sends from the node's own runtime: the batching thread of the SDK has none.
#[derive(Debug)]
struct OnRuntime {
    http: reqwest::Client,
    runtime: tokio::runtime::Handle,
}

#[async_trait::async_trait]
impl HttpClient for OnRuntime {
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let http = self.http.clone();
        let sent = self.runtime.spawn(async move { http.send_bytes(request).await });
        sent.await?
    }
}

fn exporter(url: &str, config: &Config) -> Result<SdkTracerProvider, ConfigError> {
    // A second installation is refused and harmless: the first one stands.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let http = reqwest::Client::builder()
        .build()
        .map_err(|cause| ConfigError::wrong("[telemetry] otlp_traces_url", cause))?;
    let exporter = opentelemetry_otlp::SpanExporter::builder()
        .with_http()
        .with_protocol(Protocol::HttpBinary)
        .with_http_client(OnRuntime { http, runtime: tokio::runtime::Handle::current() })
        .with_endpoint(url)
        .build()
        .map_err(|cause| ConfigError::wrong("[telemetry] otlp_traces_url", cause))?;
    let resource = Resource::builder()
        .with_service_name("weal")
        .with_attribute(opentelemetry::KeyValue::new("service.instance.id", config.node.name.to_string()))
        .build();
    Ok(SdkTracerProvider::builder().with_batch_exporter(exporter).with_resource(resource).build())
}
