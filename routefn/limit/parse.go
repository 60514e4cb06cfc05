package limit

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"
)

// The value off removes a limit. A limit without a number may also have the value on.
const (
	off = "off"
	on  = "on"
)

// mostRate bounds a number and a burst, so that every budget is a whole number of
// microseconds well below 2^53.
const mostRate = 100_000

// units are the units of time of rates, shortest first.
var units = []struct {
	name   string
	length time.Duration
}{
	{"s", time.Second}, {"min", time.Minute}, {"h", time.Hour}, {"d", 24 * time.Hour},
}

// setting is a limit with its name in a file.
type setting struct {
	name  string
	value value
}

// value is the value of a limit, which can be set from a text.
type value interface {
	fmt.Stringer
	set(word string) error
}

// toggle is a limit without a number.
type toggle bool

func (t *toggle) String() string {
	if *t {
		return on
	}
	return off
}

func (t *toggle) set(word string) error {
	if word != on && word != off {
		return errors.New("want on or off")
	}
	*t = word == on
	return nil
}

// settings returns the limits of l.
func (l *Limits) settings() []setting {
	return []setting{
		{"messages", &l.Messages},
		{"group-member", &l.GroupMember},
		{"group", &l.Group},
		{"receivers", &l.Receivers},
		{"groups", &l.Groups},
		{"pulls", &l.Pulls},
		{"refreshes", &l.Refreshes},
		{"reports", &l.Reports},
		{"inbox", (*toggle)(&l.Inboxes)},
		{"wrong-passwords", &l.WrongPasswords},
		{"wrong-passwords-known", &l.WrongPasswordsKnown},
		{"wrong-passwords-address", &l.WrongPasswordsAddress},
		{"registrations", &l.Registrations},
	}
}

// named returns the limit with a name, or nil.
func (l *Limits) named(name string) value {
	for _, s := range l.settings() {
		if s.name == name {
			return s.value
		}
	}
	return nil
}

// Names returns the names of all limits, as a file has them.
func Names() []string {
	var names []string
	for _, s := range new(Limits).settings() {
		names = append(names, s.name)
	}
	return names
}

// Read returns the limits of a file. The error names the file, the line and the limit.
func Read(path string) (Limits, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return Limits{}, fmt.Errorf("read limits: %w", err)
	}
	l, err := Parse(string(text))
	if err != nil {
		return Limits{}, fmt.Errorf("limits in %s:%w", path, err)
	}
	return l, nil
}

// Parse returns the limits of a file's text. The error begins with the line's number.
func Parse(text string) (Limits, error) {
	l, seen := Default(), make(map[string]int)
	for i, line := range strings.Split(text, "\n") {
		line, _, _ = strings.Cut(line, "#")
		if line = strings.TrimSpace(line); line == "" {
			continue
		}
		name, word, ok := strings.Cut(line, "=")
		name, word = strings.TrimSpace(name), strings.TrimSpace(word)
		value := l.named(name)
		switch {
		case !ok:
			return l, fmt.Errorf("%d: %q: want name = value", i+1, line)
		case value == nil:
			return l, fmt.Errorf("%d: %s: no such limit, want one of %s", i+1, name, strings.Join(Names(), ", "))
		case seen[name] > 0:
			return l, fmt.Errorf("%d: %s: line %d sets it already", i+1, name, seen[name])
		}
		seen[name] = i + 1
		if err := value.set(word); err != nil {
			return l, fmt.Errorf("%d: %s: %q: %w", i+1, name, word, err)
		}
	}
	return l, nil
}

var errRate = errors.New("want N/s, N/min, N/h or N/d, perhaps with burst N, or off")

// set sets the rate from a text such as "20/s burst 200".
func (r *Rate) set(value string) error {
	if value == off {
		*r = Rate{}
		return nil
	}
	words := strings.Fields(value)
	if len(words) != 1 && (len(words) != 3 || words[1] != "burst") {
		return errRate
	}
	number, unit, _ := strings.Cut(words[0], "/")
	n, err := count(number)
	if err != nil {
		return err
	}
	for _, u := range units {
		if u.name != unit {
			continue
		}
		burst := n
		if u.length == time.Second {
			burst = min(10*n, mostRate)
		}
		if len(words) == 3 {
			if burst, err = count(words[2]); err != nil {
				return err
			}
		}
		*r = per(n, u.length, burst)
		return nil
	}
	return errRate
}

func count(word string) (int, error) {
	n, err := strconv.Atoi(word)
	if err != nil {
		return 0, errRate
	}
	if n < 1 || n > mostRate {
		return 0, fmt.Errorf("want a number from 1 to %d", mostRate)
	}
	return n, nil
}
