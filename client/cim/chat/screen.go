package chat

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"

	"golang.org/x/term"

	"github.com/cim-go/cim/client/cim/chat/line"
)

// screen is the place from which lines are read and on which lines are printed. The method
// print and the styles may be called concurrently.
type screen interface {
	readLine() (string, error)
	readSecret(prompt string) (string, error) // a line that is not echoed
	print(line string)                        // adds a line feed
	dim(s string) string
	bold(s string) string
	close()
}

const prompt = "> "

// openScreen returns a terminal's screen if both its arguments are terminals. For anything
// else, it returns a plain screen.
func openScreen(in io.Reader, out io.Writer) (screen, error) {
	i, ok := in.(*os.File)
	o, ok2 := out.(*os.File)
	if !ok || !ok2 || !term.IsTerminal(int(i.Fd())) || !term.IsTerminal(int(o.Fd())) {
		return &plain{in: bufio.NewReader(in), out: out}, nil
	}
	unstyle, err := styled(int(o.Fd()))
	if err != nil {
		return nil, fmt.Errorf("prepare terminal: %w", err)
	}
	before, err := term.MakeRaw(int(i.Fd()))
	if err != nil {
		unstyle()
		return nil, fmt.Errorf("prepare terminal: %w", err)
	}
	size := func() (width, height int) {
		width, height, _ = term.GetSize(int(o.Fd())) // this costs one system call, so the editor needs no signal that reports a new size
		return width, height
	}
	return &terminal{
		e: line.New(i, o, prompt, size), in: int(i.Fd()),
		before: before, unstyle: unstyle, colour: os.Getenv("NO_COLOR") == "",
	}, nil
}

// maxLine is the longest line that is read from a pipe, in bytes. It is longer than any
// message.
const maxLine = 1 << 20

var errLineTooLong = errors.New("line is too long")

// plain reads and writes lines and knows no styles.
type plain struct {
	in *bufio.Reader // owned by the goroutine that reads

	mu  sync.Mutex
	out io.Writer
}

// readLine returns the next line, also a last one without a line feed.
func (p *plain) readLine() (string, error) {
	var line []byte
	for {
		part, err := p.in.ReadSlice('\n')
		line = append(line, part...)
		switch {
		case len(line) > maxLine:
			return "", errLineTooLong
		case errors.Is(err, bufio.ErrBufferFull):
		case err != nil && len(line) == 0:
			return "", err
		default:
			return strings.TrimRight(string(line), "\r\n"), nil
		}
	}
}

// readSecret reads a line. It does not turn an echo off, because pipes and files have
// none.
func (p *plain) readSecret(prompt string) (string, error) {
	p.print(prompt)
	return p.readLine()
}

func (p *plain) print(line string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	fmt.Fprintln(p.out, line)
}

func (p *plain) dim(s string) string  { return s }
func (p *plain) bold(s string) string { return s }
func (p *plain) close()               {}

// terminal keeps a prompt below what it prints.
type terminal struct {
	e       *line.Editor
	in      int // file descriptor
	before  *term.State
	unstyle func()
	colour  bool
}

// readLine returns the next line, or io.EOF after Ctrl-C and Ctrl-D.
func (t *terminal) readLine() (string, error) { return t.e.Read() }

func (t *terminal) readSecret(prompt string) (string, error) { return t.e.ReadSecret(prompt) }

func (t *terminal) print(line string) {
	_ = t.e.Print(line) // if the terminal is gone, readLine returns the error
}

func (t *terminal) dim(s string) string  { return t.style("\x1b[2m", s) }
func (t *terminal) bold(s string) string { return t.style("\x1b[1m", s) }

func (t *terminal) style(code, s string) string {
	if !t.colour {
		return s
	}
	return code + s + "\x1b[0m"
}

func (t *terminal) close() {
	t.unstyle()
	_ = term.Restore(t.in, t.before) // the program ends, so nobody could act on the error
}
