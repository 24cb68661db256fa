package cost

import "time"

// A Line is what one part of a month comes to, at list price.
type Line struct {
	What   string
	Amount float64 // in a month
	Unit   string
	USD    float64 // for one unit
}

// Sum is what the line comes to.
func (l Line) Sum() float64 { return l.Amount * l.USD }

// List prices of us-east-1, outside the free tiers: aws.amazon.com/eventbridge/pricing, lambda/pricing (x86, the dearer of
// the two architectures), dynamodb/pricing (on demand), cloudwatch/pricing, kms/pricing.
const (
	scheduleUSD   = 1.00 / 1e6 // an invocation of EventBridge Scheduler
	requestUSD    = 0.20 / 1e6 // a request of Lambda
	secondUSD     = 0.0000166667
	writeUnitUSD  = 0.625 / 1e6 // one KB
	readUnitUSD   = 0.125 / 1e6 // 8 KB, eventually consistent
	logGigabyte   = 0.50
	kmsRequestUSD = 0.03 / 1e4
)

// What the parts take. A call of AWS is taken for 50 ms; the benchmark measures the rest.
const (
	minutes      = HoursPerMonth * 60
	looks        = minutes / 4 // full ones, with a sign of life each, and inspections
	call         = 50 * time.Millisecond
	syncRest     = 10 * time.Millisecond
	resolves     = 15 * time.Millisecond // lookups, probes, and one look in four through the nodes
	memory       = 0.25                  // GB, of a function of the stack
	ofResolver   = 0.125
	callsOfTick  = 2
	callsOfLook  = 7 // of an inspection, for each exposure
	callsOfSweep = 28
	itemKB       = 7   // an exposure and its life
	tickLogBytes = 720 // what Lambda says of two invocations, with 26 bytes for each event
	ageLogBytes  = 340 // the value of SyncAge
)

// Sync is what following and watching an exposure comes to.
func Sync() []Line {
	return []Line{
		{"its schedule, every minute", minutes, "invocations", scheduleUSD},
		{"ip-sync and the resolver, requests", 2 * minutes, "requests", requestUSD},
		{"ip-sync, two calls of AWS in a tick", minutes * (callsOfTick*call + syncRest).Seconds() * memory, "GB-seconds", secondUSD},
		{"the resolver", minutes * resolves.Seconds() * ofResolver, "GB-seconds", secondUSD},
		{"a sign of life in four minutes", looks, "writes of 1 KB", writeUnitUSD},
		{"the sweep reads the exposure", minutes * itemKB / 8.0, "reads of 8 KB", readUnitUSD},
		{"the sweep inspects it, once in four minutes", looks * (callsOfLook * call).Seconds() * memory, "GB-seconds", secondUSD},
		{"logs, with the values of `SyncAge`", minutes * (tickLogBytes + ageLogBytes) / 1e9, "GB", logGigabyte},
	}
}

// Sweeps are what watches all exposures of a stack, however many they are.
func Sweeps() []Line {
	return []Line{
		{"watch and observer, every minute, requests", 2 * minutes, "requests", requestUSD},
		{"watch, 28 calls of AWS in a sweep", minutes * (callsOfSweep * call).Seconds() * memory, "GB-seconds", secondUSD},
		{"observer, two calls of AWS in a sweep", minutes * (callsOfTick * call).Seconds() * memory, "GB-seconds", secondUSD},
		{"the registry's key: each of eight functions asks once in five minutes", 8 * minutes / 5, "requests", kmsRequestUSD},
		{"logs", minutes * (tickLogBytes + ageLogBytes) / 1e9, "GB", logGigabyte},
	}
}

// Total is the sum of lines.
func Total(lines []Line) float64 {
	total := 0.0
	for _, l := range lines {
		total += l.Sum()
	}
	return total
}
