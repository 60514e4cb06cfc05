package line

import (
	"cmp"
	"io"
	"strings"
	"sync"
)

const (
	// maxLine bounds a line in bytes. Every message is much shorter. Characters above the
	// bound are dropped.
	maxLine = 256 << 10
	// maxHistory is how many lines the key Up can go back.
	maxHistory = 100
)

// Editor reads lines from a terminal in raw mode, and prints above the line that is
// being typed.
type Editor struct {
	in   io.Reader
	out  io.Writer
	size func() (width, height int)

	// Owned by Read.
	unread  []byte // bytes that were read and not yet handled
	pasting bool
	skipLF  bool // the last key was a carriage return, so skip a line feed after it

	mu      sync.Mutex
	prompt  string
	secret  bool // the text is neither shown nor kept
	width   int  // columns
	height  int  // rows
	reading bool
	text    text
	widths  []int // of the rows on the screen, up to the cursor's column
	history []string
	back    int    // how many lines ago the line on the screen was read; 0: it is new
	draft   string // the new line, as it was before the key Up
}

// New returns an editor. The function size returns the columns and rows of the terminal,
// or zero if it does not know them. The editor calls it before it draws.
func New(in io.Reader, out io.Writer, prompt string, size func() (width, height int)) *Editor {
	return &Editor{in: in, out: out, prompt: prompt, size: size, width: 80, height: 24}
}

// Read returns the next line without its end. The error is io.EOF after Ctrl-C, or after
// Ctrl-D in an empty line. Other errors come from the reader.
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

// ReadSecret does what Read does, with another prompt. The line is not shown, and the key
// Up does not bring it back.
func (e *Editor) ReadSecret(prompt string) (string, error) {
	before := e.ask(prompt, true)
	defer e.ask(before, false)
	return e.Read()
}

// ask changes the prompt, and returns the previous one.
func (e *Editor) ask(prompt string, secret bool) (before string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	before, e.prompt, e.secret = e.prompt, prompt, secret
	return before
}

// shown returns the part of the line that may be shown. For a secret, it returns an empty
// text.
func (e *Editor) shown() text {
	if e.secret {
		return text{}
	}
	return e.text
}

// understand carries out the keys that were read, and then draws the line once.
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

// characters returns all characters at the beginning of the unread bytes, so that the
// editor inserts them in one step.
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

// commands has the function for each key that edits the line. The key character is not
// among them, because it inserts.
var commands = map[key]func(e *Editor, t *text){
	left:             func(_ *Editor, t *text) { t.cursor = t.before(t.cursor) },
	right:            func(_ *Editor, t *text) { t.cursor = t.after(t.cursor) },
	wordLeft:         func(_ *Editor, t *text) { t.cursor = t.wordBefore() },
	wordRight:        func(_ *Editor, t *text) { t.cursor = t.wordAfter() },
	home:             func(_ *Editor, t *text) { t.cursor = 0 },
	end:              func(_ *Editor, t *text) { t.cursor = len(t.s) },
	up:               func(e *Editor, _ *text) { e.recall(e.back + 1) },
	down:             func(e *Editor, _ *text) { e.recall(e.back - 1) },
	backspace:        func(_ *Editor, t *text) { t.cut(t.before(t.cursor), t.cursor) },
	deleteNext:       func(_ *Editor, t *text) { t.cut(t.cursor, t.after(t.cursor)) },
	deleteOrEnd:      func(_ *Editor, t *text) { t.cut(t.cursor, t.after(t.cursor)) },
	deleteWordBefore: func(_ *Editor, t *text) { t.cut(t.wordBefore(), t.cursor) },
	deleteWordAfter:  func(_ *Editor, t *text) { t.cut(t.cursor, t.wordAfter()) },
	deleteToStart:    func(_ *Editor, t *text) { t.cut(0, t.cursor) },
	deleteToEnd:      func(_ *Editor, t *text) { t.cut(t.cursor, len(t.s)) },
	transpose:        func(_ *Editor, t *text) { t.transpose() },
	clearScreen:      func(e *Editor, _ *text) { e.widths = nil; _ = e.show(clearAll) },
	pasteStart:       func(e *Editor, _ *text) { e.pasting = true },
	pasteEnd:         func(e *Editor, _ *text) { e.pasting = false },
}

// obey carries out the key k. If k is the key character, the parameter s is the text to
// insert. That text is dropped if the line would become longer than maxLine.
func (e *Editor) obey(k key, s string) {
	if k == character {
		if len(e.text.s)+len(s) <= maxLine {
			e.text.insert(s)
		}
		return
	}
	if command := commands[k]; command != nil {
		command(e, &e.text)
	}
}

// recall puts an earlier line on the screen. The parameter back is how many lines ago it
// was read.
func (e *Editor) recall(back int) {
	if e.secret || back < 0 || back > len(e.history) {
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
	if line := e.shown().s; line != "" {
		e.history = append(e.history, line)
		e.history = e.history[max(0, len(e.history)-maxHistory):]
	}
	s := e.erased()
	l := lay(e.prompt, text{e.shown().s, 0}, e.width)
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

// fit adapts to a new size of the terminal. Terminals wrap the rows on the screen to the
// new width. So a row that was wider now takes several rows.
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

// erased returns the text that removes the line from the screen. The cursor is then where
// the line began.
func (e *Editor) erased() string {
	e.fit()
	s := upBy(len(e.widths)-1) + "\r" + clearBelow
	e.widths = nil
	return s
}

// redrawn returns the text that draws the line anew.
func (e *Editor) redrawn() string {
	s := e.erased()
	l := lay(e.prompt, e.shown(), e.width)
	from, to := l.window(e.height)
	e.widths = append(l.widths[from:l.row:l.row], l.column)
	return s + l.draw(from, to)
}

func (e *Editor) show(s string) error {
	_, err := io.WriteString(e.out, s)
	return err
}
