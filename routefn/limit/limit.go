package limit

import (
	"fmt"
	"strings"
	"time"
)

// Rate bounds how often something may happen. After a pause it may happen Burst times at
// once, and then once per Every. The zero Rate bounds nothing.
type Rate struct {
	Every time.Duration
	Burst int
}

// On reports whether the rate bounds anything.
func (r Rate) On() bool { return r.Burst > 0 }

// Full returns how long an empty budget takes to fill up.
func (r Rate) Full() time.Duration { return time.Duration(r.Burst) * r.Every }

// String returns the rate in the form of a file.
func (r Rate) String() string {
	if !r.On() {
		return off
	}
	for _, u := range units {
		if u.length%r.Every == 0 {
			return fmt.Sprintf("%d/%s burst %d", u.length/r.Every, u.name, r.Burst)
		}
	}
	return fmt.Sprintf("1 every %v burst %d", r.Every, r.Burst)
}

// per returns the rate of n times in each unit of time.
func per(n int, unit time.Duration, burst int) Rate { return Rate{unit / time.Duration(n), burst} }

// Limits has all limits. Each is for all routes together, because the store counts. The
// zero Limits has no limit. A block of addresses counts as one address (sourceip.Block).
type Limits struct {
	Messages    Rate // messages that one account sends, to all receivers together
	GroupMember Rate // messages of one member to one group, including the group of everyone
	Group       Rate // messages of all members to one group
	Receivers   Rate // users to whom an account writes for the first time
	Groups      Rate // groups that one account makes
	Pulls       Rate // requests of an account to read a log
	Refreshes   Rate // refresh tokens that an account uses
	Reports     Rate // messages that an account reports to moderators

	// Inboxes makes full inboxes refuse new messages. So they do not drop messages that no
	// device has fetched. See PlacesOf.
	Inboxes bool

	// WrongPasswords bounds the wrong passwords for one account from all strange
	// addresses together. An address is strange if no login to the account came
	// from it.
	WrongPasswords Rate
	// WrongPasswordsKnown bounds the wrong passwords for one account from one known
	// address, from which somebody has logged in to the account. Beyond the bound, the
	// address counts as strange.
	WrongPasswordsKnown Rate
	// WrongPasswordsAddress bounds the wrong passwords from one address for all accounts
	// to which it is strange.
	WrongPasswordsAddress Rate
	// Registrations bounds the accounts that are made from one address.
	Registrations Rate
}

// Default returns the limits that are used unless a file changes them.
func Default() Limits {
	return Limits{
		Messages:    per(20, time.Second, 200),
		GroupMember: per(10, time.Second, 100),
		Group:       per(100, time.Second, 500),
		Receivers:   per(100, time.Hour, 100),
		Groups:      per(10, time.Hour, 10),
		Pulls:       per(5000, time.Hour, 5000),
		Refreshes:   per(10, time.Minute, 600),
		Reports:     per(20, time.Hour, 20),
		Inboxes:     true,

		WrongPasswords:        per(1, time.Minute, 10),
		WrongPasswordsKnown:   per(1, time.Minute, 100),
		WrongPasswordsAddress: per(1, time.Minute, 100),
		Registrations:         per(20, time.Hour, 100),
	}
}

// String returns the limits in one line, with the names that a file has.
func (l *Limits) String() string {
	if *l == (Limits{}) {
		return off
	}
	var all []string
	for _, s := range l.settings() {
		all = append(all, fmt.Sprintf("%s %v", s.name, s.value))
	}
	return strings.Join(all, ", ")
}
