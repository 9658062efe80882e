use std::sync::LazyLock;

static TARGETS: LazyLock<Vec<fuzzer::Target>> = LazyLock::new(|| {
    let all = targets::all();
    // Where to begin from: `SEEDS_TO=folder` writes the good documents there, each behind its target's number.
    if let Some(folder) = std::env::var_os("SEEDS_TO") {
        for (number, target) in all.iter().enumerate() {
            for (nth, good) in target.corpus.iter().enumerate() {
                let number = u8::try_from(number).expect("fewer than 256 targets");
                let file = std::path::Path::new(&folder).join(format!("{number:03}-{nth}"));
                std::fs::write(file, [&[number], good.as_slice()].concat()).expect("a folder to write to");
            }
        }
    }
    all
});

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    let all = &*TARGETS;
    if let Some((number, document)) = input.split_first() {
        (all[usize::from(*number) % all.len()].check)(document);
    }
});
