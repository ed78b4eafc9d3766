//! Scratch.
#![allow(warnings)]
#[path = "../src/otlp/collector.rs"]
mod collector;
fn main() {
    let (c, endpoint) = collector::Collector::start();
    println!("{endpoint}");
    loop {
        std::thread::sleep(std::time::Duration::from_secs(2));
        let mut out = String::new();
        for (s, span) in c.spans() {
            let n = s.iter().find(|(k, _)| k == "service.name").unwrap().1.clone();
            let h = |b: &[u8]| b.iter().map(|b| format!("{b:02x}")).collect::<String>();
            out += &format!(
                "{n} {} trace={} span={} parent={} attrs={:?}\n",
                span.name,
                h(&span.trace_id),
                h(&span.span_id),
                h(&span.parent_span_id),
                span.attributes
                    .iter()
                    .map(|a| format!(
                        "{}={:?}",
                        a.key,
                        a.value.as_ref().and_then(|v| v.value.clone())
                    ))
                    .collect::<Vec<_>>()
            );
        }
        let mut m: Vec<_> =
            c.metrics().iter().map(|(s, m)| format!("{:?} {} {:?}", s, m.name, m.data)).collect();
        std::fs::write("/tmp/otlp.txt", out + &m.join("\n")).unwrap();
    }
}
