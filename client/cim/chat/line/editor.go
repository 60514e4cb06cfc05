package line

import (
	"cmp"
	"io"
	"strings"
	"sync"
)

const (
	// maxLine bounds a line in bytes, far above what a message may have; what is typed
	// on top is dropped.
	maxLine = 256 << 10
	// maxHistory is how many lines Up goes back.
	maxHistory = 100
)

// Editor reads lines from a terminal in raw mode, and prints above the line that is
// being typed.
type Editor struct {
	prompt string
	in     io.Reader
	out    io.Writer
	size   func() (width, height int)

	// Owned by Read.
	unread  []byte // read and not yet understood
	pasting bool
	skipLF  bool // the line feed behind a carriage return

	mu      sync.Mutex
	width   int // columns
	height  int // rows
	reading bool
	text    text
	widths  []int // of the rows on the screen, up to the cursor's column
	history []string
	back    int    // how many lines the one on the screen is old
	draft   string // what was typed before going back
}

// New returns an editor. size returns columns and rows of the terminal, and is asked
// before each time something is drawn; it returns zero if it does not know.
func New(in io.Reader, out io.Writer, prompt string, size func() (width, height int)) *Editor {
	return &Editor{in: in, out: out, prompt: prompt, size: size, width: 80, height: 24}
}

// Read returns the next line without its end. It returns io.EOF at Ctrl-C, and at
// Ctrl-D in an empty line, and else the error of the reader.
func (e *Editor) Read() (string, error) {
	e.mu.Lock()
	e.reading, e.back = true, 0
	e.text.set("")
	err := e.show(e.redrawn())
	e.mu.Unlock()
	buf := make([]byte, 4096)
	for {
		line, done, err2 := e.understand()
		if done {
			return line, err2
		}
		if err != nil {
			e.mu.Lock()
			e.reading = false
			e.mu.Unlock()
			return "", err
		}
		var n int
		n, err = e.in.Read(buf)
		e.unread = append(e.unread, buf[:n]...)
	}
}

// understand obeys the keys that were read, and draws once.
func (e *Editor) understand() (line string, done bool, err error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	changed := false
	for {
		k, s, size := next(e.unread, e.pasting)
		if size == 0 {
			break
		}
		skip := e.skipLF && e.unread[0] == '\n'
		e.skipLF = e.unread[0] == '\r'
		if k == character {
			s, size = e.characters(s, size)
		}
		e.unread = e.unread[size:]
		if skip {
			continue
		}
		switch k {
		case enter:
			line = e.text.s
			return line, true, e.finish()
		case deleteOrEnd, interrupt:
			if k == interrupt || e.text.s == "" {
				e.text.set("")
				return "", true, cmp.Or(e.finish(), io.EOF)
			}
		}
		e.obey(k, s)
		changed = true
	}
	if changed {
		return "", false, e.show(e.redrawn())
	}
	return "", false, nil
}

// characters takes all that are there: they go in at once.
func (e *Editor) characters(s string, size int) (string, int) {
	var b strings.Builder
	b.WriteString(s)
	for {
		k, s, more := next(e.unread[size:], e.pasting)
		if k != character || more == 0 {
			return b.String(), size
		}
		b.WriteString(s)
		size += more
	}
}

func (e *Editor) obey(k key, s string) {
	t := &e.text
	switch k {
	case character:
		if len(t.s)+len(s) <= maxLine {
			t.insert(s)
		}
	case left:
		t.cursor = t.before(t.cursor)
	case right:
		t.cursor = t.after(t.cursor)
	case wordLeft:
		t.cursor = t.wordBefore()
	case wordRight:
		t.cursor = t.wordAfter()
	case home:
		t.cursor = 0
	case end:
		t.cursor = len(t.s)
	case up:
		e.recall(e.back + 1)
	case down:
		e.recall(e.back - 1)
	case backspace:
		t.cut(t.before(t.cursor), t.cursor)
	case deleteNext, deleteOrEnd:
		t.cut(t.cursor, t.after(t.cursor))
	case deleteWordBefore:
		t.cut(t.wordBefore(), t.cursor)
	case deleteWordAfter:
		t.cut(t.cursor, t.wordAfter())
	case deleteToStart:
		t.cut(0, t.cursor)
	case deleteToEnd:
		t.cut(t.cursor, len(t.s))
	case transpose:
		t.transpose()
	case clearScreen:
		e.widths = nil
		e.show(clearAll)
	case pasteStart:
		e.pasting = true
	case pasteEnd:
		e.pasting = false
	}
}

// recall puts the line on the screen that was read so many lines before.
func (e *Editor) recall(back int) {
	if back < 0 || back > len(e.history) {
		return
	}
	if e.back == 0 {
		e.draft = e.text.s
	}
	e.back = back
	if back == 0 {
		e.text.set(e.draft)
	} else {
		e.text.set(e.history[len(e.history)-back])
	}
}

// finish leaves the line on the screen and goes to a new row.
func (e *Editor) finish() error {
	e.reading = false
	if line := e.text.s; line != "" {
		e.history = append(e.history, line)
		e.history = e.history[max(0, len(e.history)-maxHistory):]
	}
	s := e.erased()
	l := lay(e.prompt, text{e.text.s, 0}, e.width)
	s += wrapOff + strings.Join(l.rows, "\r\n") + wrapOn + "\r\n"
	e.text.set("")
	return e.show(s)
}

// Print shows lines above the one that is being typed.
func (e *Editor) Print(s string) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	s = strings.ReplaceAll(strings.TrimSuffix(s, "\n"), "\n", "\r\n") + "\r\n"
	if !e.reading {
		return e.show(s)
	}
	return e.show(e.erased() + s + e.redrawn())
}

// fit follows the terminal's size. Terminals bring what they show into a new width, so
// that a row that was wider takes several.
func (e *Editor) fit() {
	width, height := e.size()
	if width <= 0 || height <= 0 {
		return
	}
	if width < e.width {
		var widths []int
		for _, w := range e.widths {
			widths = append(widths, w)
			for ; w > width; w -= width {
				widths = append(widths, 0)
			}
		}
		e.widths = widths
	}
	e.width, e.height = width, height
}

// erased returns what removes the line from the screen. The cursor is left where the
// line began.
func (e *Editor) erased() string {
	e.fit()
	s := upBy(len(e.widths)-1) + "\r" + clearBelow
	e.widths = nil
	return s
}

// redrawn returns what draws the line anew.
func (e *Editor) redrawn() string {
	s := e.erased()
	l := lay(e.prompt, e.text, e.width)
	from, to := l.window(e.height)
	e.widths = append(l.widths[from:l.row:l.row], l.column)
	return s + l.draw(from, to)
}

func (e *Editor) show(s string) error {
	_, err := io.WriteString(e.out, s)
	return err
}
