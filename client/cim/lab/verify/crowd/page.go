package crowd

import (
	"bufio"
	"context"
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"sync"
	"time"

	"github.com/cim-go/cim/client/cim/lab/verify/ledger"
	"github.com/cim-go/cim/proto/retry"
)

// pageDevice is the name of a device that runs the web page of the routes.
const pageDevice = "page"

// These constants choose the users who also have the page: one in this many, and the
// index of the first one.
const (
	everyPage = 17
	firstPage = 3
	mostPages = 3
	pagePlace = 1 << 20 // place of the first page in the crowd, behind all other devices
)

const (
	pageEnd  = 10 * time.Second // how long a page's process may take to end
	pageLine = 1 << 20          // the longest line of its stdout, in bytes
)

// errNoNode is the reason why the crowd has no pages.
var errNoNode = errors.New("node is not in PATH")

//go:embed page/*.mjs
var tab embed.FS

// Page is a user's browser tab. A process of Node.js runs the page's own modules. The page
// keeps the browser's storage when it is killed and started again. Its methods may be
// called concurrently.
type Page struct {
	// Set before Start.
	node     string // the program
	dir      string // folder with the modules
	name     string // of the account
	user     int64
	route    string // URL of the route that served the page
	ca       string // file of the authority of routes and nodes; empty: the system's authorities
	password string // of the account; empty: it has none
	ledger   *ledger.Writer
	orders   *orders
	users    []int64 // ids, by index

	turn sync.Mutex // held while the device is started or killed

	// Guarded by writing, which is held while a command is written.
	writing sync.Mutex
	in      io.WriteCloser // nil: the process is down
	process int            // number of the present process, or of the last one
	up      chan struct{}  // closed while the process runs
	ended   chan struct{}  // closed when everything that the process reported is in the ledger

	// Guarded by mu.
	mu   sync.Mutex
	open map[string]bool // ids of messages without an answer
}

// String names the device, for people.
func (p *Page) String() string { return fmt.Sprintf("%d/%s", p.user, pageDevice) }

// Who returns the user and the device name in the ledger.
func (p *Page) Who() (user int64, device string) { return p.user, pageDevice }

// Restartable returns true, because the browser keeps its storage.
func (p *Page) Restartable() bool { return true }

// Start opens the tab. It returns when the tab is connected or has ended, or when ctx
// ends. If the tab is open already, Start does nothing.
func (p *Page) Start(ctx context.Context) error {
	p.turn.Lock()
	defer p.turn.Unlock()
	p.writing.Lock()
	running := p.in != nil
	p.writing.Unlock()
	if running {
		return nil
	}
	back, ended, err := p.run()
	if err != nil {
		return fmt.Errorf("start %v: %w", p, err)
	}
	select {
	case <-back:
		return nil
	case <-ended:
		return errors.Join(fmt.Errorf("start %v: its process ended, see %s.log", p, p.storage()), p.kill())
	case <-ctx.Done():
		return errors.Join(fmt.Errorf("start %v: %w", p, ctx.Err()), p.kill())
	}
}

// storage is the folder of the browser's storage.
func (p *Page) storage() string { return filepath.Join(p.dir, "storage-"+p.name) }

// run starts the process. The channel back is closed when the page is connected. The
// channel ended is closed when the process has ended and everything that it reported is
// in the ledger.
func (p *Page) run() (back, ended <-chan struct{}, err error) {
	storage := p.storage()
	args, err := json.Marshal(map[string]string{"route": p.route, "name": p.name, "password": p.password, "device": pageDevice, "storage": storage})
	if err != nil {
		return nil, nil, err
	}
	log, err := os.OpenFile(storage+".log", os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, nil, err
	}
	defer log.Close()
	cmd := exec.Command(p.node, filepath.Join(p.dir, "runner.mjs"), string(args))
	cmd.Stderr = log
	if p.ca != "" {
		cmd.Env = append(os.Environ(), "NODE_EXTRA_CA_CERTS="+p.ca)
	}
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, nil, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, nil, err
	}
	connected, end := make(chan struct{}), make(chan struct{})
	p.writing.Lock()
	defer p.writing.Unlock()
	p.process++
	p.in, p.ended = in, end
	close(p.up)
	go func() {
		defer close(end)
		p.hear(cmd, out, p.process, connected)
	}()
	return connected, end, nil
}

// hear records what the process reports, until it ends.
func (p *Page) hear(cmd *exec.Cmd, out io.Reader, process int, connected chan struct{}) {
	lines := bufio.NewScanner(out)
	lines.Buffer(make([]byte, 64<<10), pageLine)
	for lines.Scan() {
		var r ledger.Record
		if err := json.Unmarshal(lines.Bytes(), &r); err != nil {
			p.note(ledger.Record{Kind: ledger.Stopped, Process: process, Note: err.Error()})
			break
		}
		if r.Kind == ledger.Back && connected != nil {
			close(connected)
			connected = nil
		}
		switch r.Kind {
		case ledger.Accepted, ledger.Refused, ledger.Unknown:
			if !p.answered(r.ID) {
				continue // the message was sent again, and this is the second answer
			}
		}
		r.Process = process
		p.note(r)
	}
	_, _ = io.Copy(io.Discard, out)
	if err := cmd.Wait(); err != nil {
		p.note(ledger.Record{Kind: ledger.Stopped, Process: process, Note: "its process ended: " + err.Error()})
	}
	p.note(ledger.Record{Kind: ledger.Away, Process: process})
}

func (p *Page) note(r ledger.Record) {
	r.User, r.Device = p.user, pageDevice
	p.ledger.Write(r)
}

// answered records that the message has an answer. It reports whether this is the first
// one.
func (p *Page) answered(id string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	first := p.open[id]
	delete(p.open, id)
	return first
}

// Kill ends the process at once, between two tasks of its event loop. The page sends its
// unsent messages when it is started again.
func (p *Page) Kill() error {
	p.turn.Lock()
	defer p.turn.Unlock()
	return p.kill()
}

// kill does what Kill does, for a caller that holds the turn.
func (p *Page) kill() error {
	p.writing.Lock()
	if p.in == nil {
		p.writing.Unlock()
		return nil
	}
	ended := p.ended
	_ = p.write(map[string]string{"do": "quit"}) // this fails if the process has ended by itself; the ledger has that end
	p.in, p.up = nil, make(chan struct{})
	p.writing.Unlock()
	select {
	case <-ended:
	case <-time.After(pageEnd):
		return fmt.Errorf("end %v: it does not", p)
	}
	return nil
}

// Cut closes the connection.
func (p *Page) Cut() { p.tell("cut") }

// Tear breaks the connection in the middle of the next frame.
func (p *Page) Tear() { p.tell("tear") }

// Mute makes the connection lose everything.
func (p *Page) Mute() { p.tell("mute") }

// Slow makes the tab read slowly, or at full speed again.
func (p *Page) Slow(slow bool) {
	if slow {
		p.tell("slow")
	} else {
		p.tell("fast")
	}
}

func (p *Page) tell(what string) {
	p.writing.Lock()
	defer p.writing.Unlock()
	_ = p.write(map[string]string{"do": what}) // if this fails, the process is down and has no connection
}

// write writes a command. The caller holds writing.
func (p *Page) write(command map[string]string) error {
	if p.in == nil {
		return os.ErrClosed
	}
	line, err := json.Marshal(command)
	if err != nil {
		return err
	}
	_, err = p.in.Write(append(line, '\n'))
	return err
}

// talk types the messages of the device's orders until ctx ends. The page sends them.
func (p *Page) talk(ctx context.Context) {
	count := 0
	for due := time.Now(); ; {
		o := p.orders.next()
		due = due.Add(o.wait)
		if !retry.Sleep(ctx, time.Until(due)) {
			return
		}
		for _, text := range o.texts {
			count++
			r := ledger.Record{Kind: ledger.Sent, ID: fmt.Sprintf("%s-%d", pageDevice, count), Group: ledger.Everyone, Text: text}
			to := "everyone"
			if o.peer >= 0 {
				r.Group, r.To = 0, p.users[o.peer]
				to = strconv.FormatInt(r.To, 10)
			}
			if !p.say(ctx, r, to) {
				return
			}
		}
	}
}

// say types one text into an open tab. It waits for the tab, and returns false if ctx
// ends first.
func (p *Page) say(ctx context.Context, r ledger.Record, to string) bool {
	for {
		p.writing.Lock()
		if p.in != nil {
			break
		}
		up := p.up
		p.writing.Unlock()
		select {
		case <-up:
		case <-ctx.Done():
			return false
		}
	}
	defer p.writing.Unlock()
	p.mu.Lock()
	p.open[r.ID] = true
	p.mu.Unlock()
	r.Process = p.process
	p.note(r)
	if err := p.write(map[string]string{"say": r.Text, "to": to, "id": r.ID}); err != nil && p.answered(r.ID) {
		p.note(ledger.Record{Kind: ledger.Unknown, ID: r.ID, Note: err.Error()})
	}
	return true
}

// imported matches the import of one module of the page by another.
var imported = regexp.MustCompile(`from "\./([a-z]+\.js)"`)
