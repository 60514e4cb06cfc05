package client

import "time"

// pulse decides when to ping and when a connection counts as dead. It pings if nothing
// was written for the interval, or if nothing was received. The second rule finds a
// node that stands still while the client keeps sending.
type pulse struct {
	interval time.Duration
	wrote    time.Time // time of the latest write
	pinged   time.Time // time of the ping after which no frame came; zero: none
}

// beat returns whether a ping is due, whether the connection is dead, and when to call
// beat again. The latest frame came at the time heard.
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
