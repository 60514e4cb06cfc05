package line

import (
	"strconv"
	"strings"

	"github.com/clipperhouse/displaywidth"
)

// layout is a prompt and a line cut into rows.
type layout struct {
	rows   []string
	widths []int  // columns
	row    int    // of the cursor
	ahead  string // the part of the cursor's row that stands before the cursor
	column int    // of the cursor
}

// lay cuts the prompt and the text into rows. A row has at most as many columns as the
// parameter width. A grapheme cluster that does not fit goes to the next row. If the
// cursor stands behind a full row, it goes to the next row, too.
func lay(prompt string, t text, width int) layout {
	var l layout
	var row strings.Builder
	columns := 0
	finish := func() {
		l.rows, l.widths = append(l.rows, row.String()), append(l.widths, columns)
		row.Reset()
		columns = 0
	}
	write := func(s string, cursor int) {
		at := 0
		for g := displaywidth.StringGraphemes(s); g.Next(); at += len(g.Value()) {
			if columns > 0 && columns+g.Width() > width {
				finish()
			}
			if at == cursor {
				l.row, l.ahead, l.column = len(l.rows), row.String(), columns
			}
			row.WriteString(g.Value())
			columns += g.Width()
		}
	}
	write(prompt, -1)
	write(t.s, t.cursor)
	if t.cursor == len(t.s) {
		if columns >= width {
			finish()
		}
		l.row, l.ahead, l.column = len(l.rows), row.String(), columns
	}
	finish()
	return l
}

// window returns the range of rows to draw. If the screen has fewer rows than the line,
// these are the rows around the cursor.
func (l layout) window(height int) (from, to int) {
	if len(l.rows) <= height {
		return 0, len(l.rows)
	}
	from = max(0, min(l.row-height/2, len(l.rows)-height))
	return from, from + height
}

const (
	wrapOff    = "\x1b[?7l"
	wrapOn     = "\x1b[?7h"
	clearBelow = "\x1b[J"
	clearAll   = "\x1b[2J\x1b[H"
)

// draw returns the text that draws rows of the layout. The parameter from is the index of
// the first row, and to is the index after the last one. Before the drawing, the cursor
// must be in the first column of the first row. Afterwards, it is at its place in the
// layout.
func (l layout) draw(from, to int) string {
	var b strings.Builder
	b.WriteString(clearBelow + wrapOff)
	b.WriteString(strings.Join(l.rows[from:to], "\r\n"))
	b.WriteString(upBy(to - 1 - l.row))
	b.WriteString("\r" + l.ahead + wrapOn)
	return b.String()
}

// upBy returns the sequence that moves the cursor up.
func upBy(rows int) string {
	if rows <= 0 {
		return ""
	}
	return "\x1b[" + strconv.Itoa(rows) + "A"
}
