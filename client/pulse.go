package client

import "time"

// pulse decides when to ping and when a connection counts as dead. A ping goes
// out when nothing was written, or nothing was heard, for the interval: a node
// that is paused while a client keeps sending must be noticed too.
type pulse struct {
	interval time.Duration
	wrote    time.Time // latest write
	pinged   time.Time // of the ping that nothing was heard after; zero: none
}

// beat learns when something was last heard. It reports whether a ping is due
// and whether the connection is dead, and when to ask again.
func (p *pulse) beat(heard, now time.Time) (ping, dead bool, next time.Time) {
	if !p.pinged.IsZero() && !heard.Before(p.pinged) {
		p.pinged = time.Time{}
	}
	if !p.pinged.IsZero() {
		deadline := p.pinged.Add(pongTimeout)
		return false, !now.Before(deadline), deadline
	}
	quiet := p.wrote
	if heard.Before(quiet) {
		quiet = heard
	}
	if due := quiet.Add(p.interval); now.Before(due) {
		return false, false, due
	}
	p.pinged = now
	return true, false, now.Add(pongTimeout)
}
