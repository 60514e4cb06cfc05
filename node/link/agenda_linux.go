package link

// agenda has the links that a loop has to write, in two lines. One line is for links with
// frames of their own (soon), and the other one is for the rest (later). The lines
// alternate, so neither waits until the other is empty.
type agenda struct {
	lines [2]line // by turn: soon and later; a link is in at most one of them, and only once
	last  turn    // the line from which the last link came
}

func (a *agenda) add(l *Link, t turn) { a.of(t).push(l) }

func (a *agenda) of(t turn) *line {
	if t == soon {
		return &a.lines[0]
	}
	return &a.lines[1]
}

func (a *agenda) len() int { return a.lines[0].len() + a.lines[1].len() }

// next removes and returns the link to write next, or returns nil if there is none.
func (a *agenda) next() *Link {
	a.last = !a.last
	if a.of(a.last).len() == 0 {
		a.last = !a.last
	}
	return a.of(a.last).pop()
}

// line is a queue of links, first in, first out.
type line struct {
	links []*Link
	head  int // index of the first link
}

func (q *line) len() int { return len(q.links) - q.head }

func (q *line) push(l *Link) {
	if q.head > 0 && len(q.links) == cap(q.links) { // move the links to the front
		n := copy(q.links, q.links[q.head:])
		clear(q.links[n:])
		q.links, q.head = q.links[:n], 0
	}
	q.links = append(q.links, l)
}

// pop removes and returns the first link, or nil if there is none.
func (q *line) pop() *Link {
	if q.len() == 0 {
		return nil
	}
	l := q.links[q.head]
	q.links[q.head] = nil
	q.head++
	if q.len() == 0 {
		q.links, q.head = q.links[:0], 0
	}
	return l
}
