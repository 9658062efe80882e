//! Releasing rows under a permit, as a stream that can be cut at any moment.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use bytes::Bytes;
use futures::{Stream, StreamExt as _};
use tokio::sync::mpsc;
use weal_domain::exchange::{Extract, Permit};
use weal_wire::peer::RowsFormat;

use crate::encode::Encoder;

/// Chunks on their way between the encoder and the network; the encoder waits when the network is slow.
const CHUNKS_IN_FLIGHT_MAX: usize = 4;

/// How a stream ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StreamEnd {
    Complete,
    /// The agreement was revoked or ended, or the node stopped.
    Cut,
    /// The reader went away.
    Abandoned,
    /// The reader took nothing for too long.
    Stalled,
    /// Reading or writing failed.
    Failed,
}

/// What has left so far.
#[derive(Debug, Default)]
pub struct Tally {
    rows: AtomicU64,
    size_bytes: AtomicU64,
}

impl Tally {
    pub fn rows(&self) -> u64 {
        self.rows.load(Ordering::Relaxed)
    }
    pub fn size_bytes(&self) -> u64 {
        self.size_bytes.load(Ordering::Relaxed)
    }
}

/// A stream of encoded rows. It ends only where it is complete: a stream that was cut or failed yields
/// an error instead, so that the connection is broken off and no reader takes a part for the whole.
pub struct Released {
    chunks: mpsc::Receiver<Bytes>,
    fate: Arc<AtomicU8>,
}

const FLOWING: u8 = 0;
const COMPLETE: u8 = 1;
const BROKEN: u8 = 2;

impl std::fmt::Debug for Released {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Released")
    }
}

impl Stream for Released {
    type Item = Result<Bytes, std::io::Error>;
    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let broken = || Poll::Ready(Some(Err(std::io::Error::other("the stream was cut"))));
        // What is still in flight when an agreement is revoked does not leave either.
        if self.fate.load(Ordering::Acquire) == BROKEN {
            return broken();
        }
        match self.chunks.poll_recv(context) {
            Poll::Ready(Some(chunk)) => Poll::Ready(Some(Ok(chunk))),
            Poll::Ready(None) if self.fate.load(Ordering::Acquire) == COMPLETE => Poll::Ready(None),
            Poll::Ready(None) => broken(),
            Poll::Pending => Poll::Pending,
        }
    }
}

/// Lets the rows out in `format` until they end, `stop` resolves, the permit's agreement ends, or a reader
/// takes longer than `patience` for one chunk.
///
/// `ended` is called once, with what left and how it ended. The permit is held until then.
pub fn release<E: std::fmt::Display + Send + 'static>(
    permit: Permit<Extract>,
    schema: &SchemaRef,
    batches: impl Stream<Item = Result<RecordBatch, E>> + Send + 'static,
    format: RowsFormat,
    patience: Duration,
    stop: impl Future<Output = ()> + Send + 'static,
    ended: impl FnOnce(Permit<Extract>, Arc<Tally>, StreamEnd) + Send + 'static,
) -> Result<Released, crate::encode::EncodeError> {
    let encoder = Encoder::new(format, schema)?;
    let (sender, chunks) = mpsc::channel(CHUNKS_IN_FLIGHT_MAX);
    let fate = Arc::new(AtomicU8::new(FLOWING));
    let released = Released { chunks, fate: Arc::clone(&fate) };
    tokio::spawn(async move {
        let tally = Arc::new(Tally::default());
        let end = tokio::select! {
            // A cut wins over the next batch, however fast batches come.
            biased;
            () = stop => StreamEnd::Cut,
            end = pump(encoder, batches, Reader { sender: &sender, patience }, &tally) => end,
        };
        // Set before the sender is dropped, so that the reader sees the fate when the channel closes.
        fate.store(if end == StreamEnd::Complete { COMPLETE } else { BROKEN }, Ordering::Release);
        drop(sender);
        ended(permit, tally, end);
    });
    Ok(released)
}

async fn pump<E: std::fmt::Display>(
    mut encoder: Encoder,
    batches: impl Stream<Item = Result<RecordBatch, E>> + Send,
    reader: Reader<'_>,
    tally: &Tally,
) -> StreamEnd {
    let mut batches = std::pin::pin!(batches);
    while let Some(batch) = batches.next().await {
        let Ok(batch) = batch else { return StreamEnd::Failed };
        let Ok(chunk) = encoder.write(&batch) else { return StreamEnd::Failed };
        tally.rows.fetch_add(batch.num_rows() as u64, Ordering::Relaxed);
        if let Err(end) = reader.take(chunk, tally).await {
            return end;
        }
    }
    let Ok(chunk) = encoder.finish() else { return StreamEnd::Failed };
    reader.take(chunk, tally).await.err().unwrap_or(StreamEnd::Complete)
}

/// Whoever reads, and how long they may take for one chunk.
#[derive(Clone, Copy)]
struct Reader<'s> {
    sender: &'s mpsc::Sender<Bytes>,
    patience: Duration,
}

impl Reader<'_> {
    async fn take(self, chunk: Vec<u8>, tally: &Tally) -> Result<(), StreamEnd> {
        if chunk.is_empty() {
            return Ok(());
        }
        tally.size_bytes.fetch_add(chunk.len() as u64, Ordering::Relaxed);
        match tokio::time::timeout(self.patience, self.sender.send(chunk.into())).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) => Err(StreamEnd::Abandoned),
            Err(_) => Err(StreamEnd::Stalled),
        }
    }
}
