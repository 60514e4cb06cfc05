package line

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/clipperhouse/displaywidth"
)

// text is the line that is edited. The cursor is a byte offset at the start of a
// cluster, or at the end.
type text struct {
	s      string
	cursor int
}

// starts returns the offsets at which the clusters of s begin, and then the length of s.
func starts(s string) []int {
	list := []int{0}
	for at, g := 0, displaywidth.StringGraphemes(s); g.Next(); {
		at += len(g.Value())
		list = append(list, at)
	}
	return list
}

// The method before returns the start of the cluster that has the byte at-1.
func (t *text) before(at int) int {
	last := 0
	for _, s := range starts(t.s) {
		if s >= at {
			break
		}
		last = s
	}
	return last
}

// The method after returns the start of the first cluster that begins after at.
func (t *text) after(at int) int {
	for _, s := range starts(t.s) {
		if s > at {
			return s
		}
	}
	return len(t.s)
}

// insert puts s at the cursor, and moves the cursor behind s. An accent becomes part of
// the cluster before it. An accent without a cluster before it is left out. A terminal
// would not show it, or would show it in the prompt.
func (t *text) insert(s string) {
	if t.cursor == 0 {
		for s != "" {
			first := s[:starts(s)[1]]
			if displaywidth.String(first) > 0 {
				break
			}
			s = s[len(first):]
		}
	}
	if s == "" {
		return
	}
	end := t.cursor + len(s)
	t.s = t.s[:t.cursor] + s + t.s[t.cursor:]
	t.cursor = t.after(end - 1)
}

// cut removes the text between two places, and puts the cursor at the gap.
func (t *text) cut(from, to int) {
	t.s = t.s[:from] + t.s[to:]
	t.cursor = from
	if from > 0 {
		t.cursor = t.after(from - 1) // the two sides may have become one cluster
	}
}

func (t *text) set(s string) { t.s, t.cursor = s, len(s) }

// wordBefore returns the offset at which the word in front of the cursor begins.
func (t *text) wordBefore() int {
	s := strings.TrimRightFunc(t.s[:t.cursor], unicode.IsSpace)
	at := strings.LastIndexFunc(s, unicode.IsSpace)
	if at < 0 {
		return 0
	}
	_, size := utf8.DecodeRuneInString(s[at:])
	return t.after(at + size - 1)
}

// wordAfter returns the offset at which the word behind the cursor ends.
func (t *text) wordAfter() int {
	rest := t.s[t.cursor:]
	begin := len(rest) - len(strings.TrimLeftFunc(rest, unicode.IsSpace))
	end := strings.IndexFunc(rest[begin:], unicode.IsSpace)
	if end < 0 {
		return len(t.s)
	}
	return t.after(t.cursor + begin + end - 1)
}

// transpose swaps the clusters around the cursor. If the cursor is at the end, it swaps
// the last two.
func (t *text) transpose() {
	middle := t.cursor
	if middle == len(t.s) {
		middle = t.before(middle)
	}
	if middle == 0 {
		return
	}
	from, to := t.before(middle), t.after(middle)
	t.s = t.s[:from] + t.s[middle:to] + t.s[from:middle] + t.s[to:]
	t.cursor = t.after(to - 1)
}
