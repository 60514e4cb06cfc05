package abuse

import (
	"errors"
	"fmt"
	"io"
	"time"
)

// ErrConfig is wrapped by the error for a wrong Config.
var ErrConfig = errors.New("flags of bench abuse")

// Config has the sizes and rates of the measurement. A field is required unless its
// comment says what its zero value stands for.
type Config struct {
	Runs     int
	Duration time.Duration // measured time of a phase
	Pairs    int           // of users who write to each other
	Rate     float64       // messages per second of all users together

	Bodies    int     // unfinished bodies held at once; half of them come from the users' address
	Frames    int     // unfinished frames held at once
	Guessers  int     // each has an address of its own
	GuessRate float64 // guesses per second of each guesser

	OwnBodies int           // unfinished bodies from the users' address, in the phase for these
	Guesses   int           // how many guesses at one account, in the phase for these
	Addresses int           // how many addresses the guesses come from
	GuessTime time.Duration // in how much time the guesses come

	// MostLate is how late a timer of 10 ms may be, in this process and in the generator.
	// If a timer was later, the phase says more about the machine than about the cluster.
	MostLate time.Duration

	Redis   string    // in the form of up.Config; empty: spawn
	Program []string  // the command line by which to start this program again; nil: the present binary
	Out     io.Writer // progress; nil: nowhere
}

// mostPairs is how many pairs may be registered from one address, along with a few other
// accounts.
const mostPairs = 40

func (c *Config) check() error {
	for name, n := range map[string]int{
		"runs": c.Runs, "bodies": c.Bodies, "frames": c.Frames, "guessers": c.Guessers,
		"own-bodies": c.OwnBodies, "guesses": c.Guesses, "addresses": c.Addresses,
	} {
		if n < 1 {
			return fmt.Errorf("%w: -%s is %d, want at least 1", ErrConfig, name, n)
		}
	}
	switch {
	case c.Pairs < 1 || c.Pairs > mostPairs:
		return fmt.Errorf("%w: -pairs is %d, want 1 to %d", ErrConfig, c.Pairs, mostPairs)
	case c.Duration <= 0 || c.GuessTime <= 0 || c.MostLate <= 0:
		return fmt.Errorf("%w: -duration is %v, -guess-time %v and -late %v", ErrConfig, c.Duration, c.GuessTime, c.MostLate)
	case c.Rate <= 0 || c.GuessRate <= 0:
		return fmt.Errorf("%w: nothing is sent at %v messages and %v guesses per second", ErrConfig, c.Rate, c.GuessRate)
	}
	return nil
}
