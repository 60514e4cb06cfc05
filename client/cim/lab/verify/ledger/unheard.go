package ledger

import (
	"slices"
	"strings"
)

// unheard reports whether a device need not be shown m because its node never knew that
// its user was a member. Three things must be true for that. Faults kept the routes from
// telling the node about the joining and the leaving. Between the two there was no quiet
// half minute, in which the node would have found out by itself. The device was shown
// nothing else of that membership.
func (j *Judge) unheard(reader *reader, m *message) bool {
	places := j.placesOf(m)
	if len(places) == 0 {
		return false
	}
	joining, leaving := j.group(m.group).tenures[reader.user].around(places[0])
	if joining == nil || leaving == nil {
		return false
	}
	view := j.groupView(m.group)
	heard := slices.ContainsFunc(reader.shown, func(s showing) bool {
		at := view.places[s.key]
		return s.group == m.group && at.Epoch == joining.place.Epoch && at.Number >= joining.place.Number && at.Number <= leaving.place.Number
	})
	found := j.calmIn(span{joining.accepted, leaving.sent}, j.troubles(reader)) > reconciled+timeSlack
	return !heard && !found && j.untold(reader, joining.message) && j.untold(reader, leaving.message)
}

// around returns the turns that begin and end the membership to which a place belongs. A
// turn that is not known is nil.
func (t *tenure) around(place Place) (joining, leaving *turn) {
	for i := range t.turns {
		switch turn := &t.turns[i]; {
		case turn.place.Epoch != place.Epoch:
		case turn.change == Join && turn.place.Number <= place.Number:
			joining, leaving = turn, nil
		case turn.change == Leave && joining != nil && leaving == nil:
			leaving = turn
		}
	}
	if leaving != nil && leaving.place.Number < place.Number {
		return nil, nil
	}
	return joining, leaving
}

// untold reports whether a fault may have kept the routes from reporting a joining or
// leaving to a device's node. The entry of such a change was stored between the request
// and the first showing.
func (j *Judge) untold(reader *reader, turn *message) bool {
	node := reader.nodeAt(turn.accepted)
	return slices.ContainsFunc(j.hits, func(h hit) bool {
		return h.from < turn.accepted && h.to > turn.sent && h.cutsOff(node)
	})
}

// cutsOff reports whether the fault may cause the loss of pushes from routes to a node.
func (h hit) cutsOff(node string) bool {
	switch h.fault {
	case "route-kill", "route-pause", "route-key":
		return true
	case "lossy-net", "node-pause":
		return strings.HasPrefix(h.note, node+" ")
	}
	return false
}
