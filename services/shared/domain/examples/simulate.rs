//! Plays many seeded worlds and tells how many went wrong in which way; replays one as a story.
//!
//! `--seeds N` plays so many, from `--from S` on, on `--threads T`; `--seed X` replays one, first
//! as it is and then as small as it can be and still go wrong the same way. Exits with 1 where
//! something went wrong that is not only counted.

use std::{
    collections::BTreeMap,
    env,
    io::{self, Write},
    process::ExitCode,
    thread,
    time::{Duration, Instant},
};

use tandem_domain::world::{Knobs, Plan, Report, Violation, World, shrink};

/// What is asked for.
struct Arguments {
    seeds: u64,
    from: u64,
    threads: u64,
    seed: Option<u64>,
}

/// What many worlds came to.
#[derive(Default)]
struct Tally {
    worlds: u64,
    failed: u64,
    events: usize,
    edits: usize,
    writes: usize,
    /// By kind: in how many worlds, and in which, the first few.
    found: BTreeMap<Violation, (u64, Vec<(u64, String)>)>,
    slowest: Vec<(Duration, u64)>,
}

/// How many seeds are named.
const NAMED: usize = 5;

fn main() -> ExitCode {
    let done = arguments().and_then(|arguments| match arguments.seed {
        Some(seed) => replay(seed).map_err(|error| error.to_string()),
        None => simulate(&arguments).map_err(|error| error.to_string()),
    });
    match done {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(problem) => {
            writeln!(io::stderr(), "error: {problem}").ok();
            ExitCode::from(2)
        }
    }
}

fn arguments() -> Result<Arguments, String> {
    let threads = thread::available_parallelism().map_or(1, |threads| threads.get() as u64);
    let mut asked = Arguments { seeds: 1000, from: 0, threads, seed: None };
    let mut words = env::args().skip(1);
    while let Some(name) = words.next() {
        let value = words.next().and_then(|value| value.parse().ok());
        let value: u64 = value.ok_or_else(|| format!("{name} takes a number"))?;
        match name.as_str() {
            "--seeds" => asked.seeds = value,
            "--from" => asked.from = value,
            "--threads" => asked.threads = value.max(1),
            "--seed" => asked.seed = Some(value),
            _ => return Err(format!("{name} is unknown: --seeds, --from, --threads, --seed")),
        }
    }
    Ok(asked)
}

/// Tells the story of one seed; says whether nothing went wrong in it.
fn replay(seed: u64) -> io::Result<bool> {
    let plan = Plan::of(seed, Knobs::rough());
    let report = World::play(&plan, true);
    let mut out = io::stdout().lock();
    writeln!(out, "{plan}")?;
    tell(&mut out, &report)?;
    let worst = report.violations.iter().find(|(violation, _)| !violation.is_counted_only());
    let worst = worst.or_else(|| report.violations.first());
    if let Some((violation, _)) = worst {
        let small = shrink(&plan, *violation);
        writeln!(out, "\n{violation:?} with {} of {} steps:", small.len(), plan.len())?;
        writeln!(out, "{small}")?;
        tell(&mut out, &World::play(&small, true))?;
    }
    Ok(!report.failed())
}

fn tell(out: &mut impl Write, report: &Report) -> io::Result<()> {
    for line in &report.story {
        writeln!(out, "{line}")?;
    }
    let Report { edits, writes, events, published, .. } = report;
    writeln!(out, "{edits} edits, {events} events, {published} published, {writes} writes")?;
    report.violations.iter().try_for_each(|(kind, what)| writeln!(out, "{kind:?}: {what}"))
}

fn simulate(arguments: &Arguments) -> io::Result<bool> {
    let Arguments { seeds, from, threads, .. } = *arguments;
    let begun = Instant::now();
    let tally = thread::scope(|scope| {
        let play = |first: u64| {
            let seeds = (from + first..from + seeds).step_by(usize::try_from(threads).unwrap_or(1));
            seeds.fold(Tally::default(), Tally::with)
        };
        let workers: Vec<_> = (0..threads).map(|first| scope.spawn(move || play(first))).collect();
        let tallies = workers.into_iter().filter_map(|worker| worker.join().ok());
        tallies.fold(Tally::default(), Tally::join)
    });
    let mut out = io::stdout().lock();
    tally.show(&mut out, begun.elapsed())?;
    // A thread that died tells nothing of its worlds.
    Ok(tally.failed == 0 && tally.worlds == seeds)
}

impl Tally {
    fn with(mut self, seed: u64) -> Self {
        let begun = Instant::now();
        let report = World::play(&Plan::of(seed, Knobs::rough()), false);
        self.slowest.push((begun.elapsed(), seed));
        self.keep_slowest();
        self.worlds += 1;
        self.failed += u64::from(report.failed());
        self.events += report.events;
        self.edits += report.edits;
        self.writes += report.writes;
        for (kind, what) in report.violations {
            let (worlds, named) = self.found.entry(kind).or_default();
            if named.last().is_none_or(|(last, _)| *last != seed) {
                *worlds += 1;
                named.push((seed, what));
            }
        }
        self
    }

    fn join(mut self, other: Self) -> Self {
        self.worlds += other.worlds;
        self.failed += other.failed;
        self.events += other.events;
        self.edits += other.edits;
        self.writes += other.writes;
        for (kind, (worlds, named)) in other.found {
            let own = self.found.entry(kind).or_default();
            own.0 += worlds;
            own.1.extend(named);
        }
        self.slowest.extend(other.slowest);
        self.keep_slowest();
        self
    }

    fn keep_slowest(&mut self) {
        self.slowest.sort_by(|one, other| other.cmp(one));
        self.slowest.truncate(NAMED);
    }

    fn show(&self, out: &mut impl Write, took: Duration) -> io::Result<()> {
        let Self { worlds, failed, events, edits, writes, found, slowest } = self;
        writeln!(
            out,
            "{worlds} worlds in {took:.1?}: {edits} edits, {events} events, {writes} writes"
        )?;
        for (kind, (count, named)) in found {
            let mark = if kind.is_counted_only() { " " } else { "!" };
            let thousandths = 100_000 * count / (*worlds).max(1);
            let (whole, part) = (thousandths / 1000, thousandths % 1000);
            let name = format!("{kind:?}");
            writeln!(out, "{mark} {name:<12} {count:>6} worlds, {whole}.{part:03} %")?;
            let mut named: Vec<_> = named.iter().collect();
            named.sort();
            for (seed, what) in named.into_iter().take(NAMED) {
                writeln!(out, "      --seed {seed:<8} {what}")?;
            }
        }
        let slowest: Vec<_> =
            slowest.iter().map(|(took, seed)| format!("{seed} ({took:.1?})")).collect();
        writeln!(out, "slowest seeds: {}", slowest.join(", "))?;
        writeln!(out, "{failed} of {worlds} worlds went wrong")
    }
}
