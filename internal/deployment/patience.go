package deployment

import (
	"fmt"
	"os"
	"time"
)

// The default of the option patience, and what it may be.
const (
	DefaultPatience = 5 * time.Minute
	MostPatience    = time.Hour
	// A schedule ticks every minute, and five ticks have to fit. A cloud in which time runs faster has less than a minute.
	leastPatience = 5 * time.Second
	mostHurry     = time.Minute
)

// ParsePatience reads how long an exposure may be without service, or unwatched, before the operators are told; nothing is
// DefaultPatience.
func ParsePatience(text string) (time.Duration, error) {
	if text == "" {
		return DefaultPatience, nil
	}
	p, err := time.ParseDuration(text)
	switch {
	case err != nil:
		return 0, fmt.Errorf("patience %q is no duration, such as 5m", text)
	case p < leastPatience, p >= mostHurry && p < DefaultPatience, p > MostPatience:
		return 0, fmt.Errorf("patience %q: it is from %v, in which five ticks of a schedule fit, to %v; less than %v is for a cloud "+
			"in which time runs faster, and %v the least there", text, DefaultPatience, MostPatience, mostHurry, leastPatience)
	}
	return p, nil
}

// Patience is that of the deployment that a function is part of. Every threshold of watching derives from it: a tick of a
// schedule is expected each fifth of it, and a good exposure leaves a sign of life each four fifths. It panics when the
// environment says what the stack never would.
func Patience() time.Duration {
	p, err := ParsePatience(os.Getenv(Patient))
	if err != nil {
		panic(Patient + ": " + err.Error())
	}
	return p
}

// Tick is how far apart the ticks of an exposure are, and LookPeriod its full looks.
func Tick() time.Duration       { return Patience() / 5 }
func LookPeriod() time.Duration { return 4 * Tick() }
