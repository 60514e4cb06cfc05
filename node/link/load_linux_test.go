package link

import (
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/cim-go/cim/proto"
)

// load describes the load that a child process puts on a server: a room of connections
// that read, and one of them publishes. The child is a process of its own, so that the
// costs of the server and of its clients can be told apart.
type load struct {
	Addr      string
	Conns     int
	WebSocket bool
	Secure    bool          // they speak TLS
	Pings     int           // how many each sends after its login; only with Secure
	Ping      []byte        // the frame that is sent for a ping
	Window    int           // publishes outstanding; 0: Every counts
	Every     time.Duration // between two publishes
	Frame     int           // bytes of a delivery
	Publish   []byte        // the frame that is published
	Login     []byte
	For       time.Duration
}

// loaded has the results of a load.
type loaded struct {
	Deliveries int
	Took       time.Duration
	P50, P99   time.Duration // from the publish to the read
}

const loadEnv = "CIM_LINK_LOAD"

func init() { aside = child }

// child runs the load that the environment names, and reports whether there was one. It
// prints "ready" when all connections have logged in, begins when it reads a line, and
// ends when its input ends.
func child() bool {
	text := os.Getenv(loadEnv)
	if text == "" {
		return false
	}
	var l load
	if err := json.Unmarshal([]byte(text), &l); err != nil {
		panic(err)
	}
	r, err := newClients(&l)
	if err != nil {
		panic(err)
	}
	fmt.Println("ready")
	_, _ = os.Stdin.Read(make([]byte, 1))
	if l.For > 0 {
		if err := json.NewEncoder(os.Stdout).Encode(r.run()); err != nil {
			panic(err)
		}
	}
	_, _ = io.ReadAll(os.Stdin)
	return true
}

func newClients(l *load) (interface{ run() loaded }, error) {
	if l.Secure {
		return newCrowd(l)
	}
	return newRoom(l)
}

// room reads with one thread, which costs the machine the least.
type room struct {
	load  *load
	poll  int
	fds   []int
	got   map[int]*int // bytes of each connection
	total int
	sent  []time.Time
	delay []time.Duration
	buf   []byte
}

func newRoom(l *load) (*room, error) {
	r := &room{load: l, got: make(map[int]*int), buf: make([]byte, 256<<10)}
	var err error
	if r.poll, err = unix.EpollCreate1(0); err != nil {
		return nil, err
	}
	at, err := net.ResolveTCPAddr("tcp4", l.Addr)
	if err != nil {
		return nil, err
	}
	to := &unix.SockaddrInet4{Port: at.Port, Addr: [4]byte(at.IP.To4())}
	for range l.Conns {
		fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM, 0)
		if err != nil {
			return nil, err
		}
		if err := unix.Connect(fd, to); err != nil {
			return nil, err
		}
		if err := r.login(fd); err != nil {
			return nil, err
		}
		_ = unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1)
		if err := unix.EpollCtl(r.poll, unix.EPOLL_CTL_ADD, fd, &unix.EpollEvent{Events: unix.EPOLLIN, Fd: int32(fd)}); err != nil {
			return nil, err
		}
		r.fds, r.got[fd] = append(r.fds, fd), new(int)
	}
	return r, nil
}

// login writes the first frame, and waits for the answer to a WebSocket's
// handshake before it.
func (r *room) login(fd int) error {
	if r.load.WebSocket {
		if _, err := unix.Write(fd, []byte(upgrade)); err != nil {
			return err
		}
		if n, err := unix.Read(fd, r.buf); err != nil || !strings.HasPrefix(string(r.buf[:n]), "HTTP/1.1 101 ") {
			return fmt.Errorf("handshake answered with %q, %v", r.buf[:max(0, n)], err)
		}
	}
	_, err := unix.Write(fd, r.load.Login)
	return err
}

func (r *room) run() loaded {
	start := time.Now()
	events := make([]unix.EpollEvent, 512)
	for time.Since(start) < r.load.For {
		wait := 100
		if r.load.Window > 0 {
			for len(r.sent)-r.total/r.load.Frame/len(r.fds) < r.load.Window {
				r.publish()
			}
		} else if due := start.Add(time.Duration(len(r.sent)) * r.load.Every); !time.Now().Before(due) {
			r.publish()
		} else {
			wait = max(0, int(time.Until(due).Milliseconds()))
		}
		n, _ := unix.EpollWait(r.poll, events, wait)
		for i := range max(0, n) {
			r.read(int(events[i].Fd))
		}
	}
	slices.Sort(r.delay)
	done := loaded{Deliveries: r.total / r.load.Frame, Took: time.Since(start)}
	if n := len(r.delay); n > 0 {
		done.P50, done.P99 = r.delay[n/2], r.delay[n*99/100]
	}
	return done
}

func (r *room) publish() {
	r.sent = append(r.sent, time.Now())
	if _, err := unix.Write(r.fds[0], r.load.Publish); err != nil {
		panic(err)
	}
}

func (r *room) read(fd int) {
	n, err := unix.Read(fd, r.buf)
	if err != nil || n == 0 {
		panic(fmt.Sprintf("read %d %v", n, err))
	}
	got := r.got[fd]
	if r.load.Window == 0 {
		now := time.Now()
		for k := *got / r.load.Frame; k < (*got+n)/r.load.Frame; k++ {
			r.delay = append(r.delay, now.Sub(r.sent[k]))
		}
	}
	*got += n
	r.total += n
}

const upgrade = "GET /ws HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n" +
	"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"

// process is a running load.
type process struct {
	cmd *exec.Cmd
	in  io.WriteCloser
	out io.Reader
}

func begin(b *testing.B, l load) *process {
	b.Helper()
	text, err := json.Marshal(l)
	if err != nil {
		b.Fatal(err)
	}
	p := &process{cmd: exec.Command(os.Args[0])}
	p.cmd.Env = append(os.Environ(), loadEnv+"="+string(text))
	p.cmd.Stderr = os.Stderr
	in, err1 := p.cmd.StdinPipe()
	out, err2 := p.cmd.StdoutPipe()
	if err1 != nil || err2 != nil {
		b.Fatal(err1, err2)
	}
	p.in, p.out = in, out
	if err := p.cmd.Start(); err != nil {
		b.Fatal(err)
	}
	if _, err := io.ReadFull(out, make([]byte, len("ready\n"))); err != nil {
		b.Fatal("the load did not get ready: ", err)
	}
	return p
}

// measure lets the load run and returns its results.
func (p *process) measure(b *testing.B) loaded {
	b.Helper()
	if _, err := io.WriteString(p.in, "\n"); err != nil {
		b.Fatal(err)
	}
	var l loaded
	if err := json.NewDecoder(p.out).Decode(&l); err != nil {
		b.Fatal(err)
	}
	return l
}

func (p *process) end() {
	_ = p.in.Close()
	_ = p.cmd.Wait()
}

// hall is a handler that passes what one member publishes on to all.
type hall struct {
	members chan *Link
	links   []*Link
	number  int64
}

type member struct {
	hall *hall
	link *Link
}

func (m *member) Tick(time.Time)     {}
func (m *member) Closed(proto.Code)  {}
func (m *member) Ending() func(bool) { return nil }
func (m *member) Handle(f *proto.Frame) {
	if f.Cmd == proto.Command_LOGIN_REQUEST {
		m.hall.members <- m.link
		return
	}
	if f.Cmd == proto.Command_PING {
		m.link.Send(pong)
		return
	}
	m.hall.number++
	p := NewPacket(delivery(m.hall.number, f.ReqMsg))
	for _, l := range m.hall.links {
		l.Send(p)
	}
}

var pong = NewPacket(&proto.Frame{Cmd: proto.Command_PING, ReqMsg: "pong"})

// delivery has the same length for every number.
func delivery(n int64, text string) *proto.Frame { return message(1<<21+n, text) }

// fill begins a load and returns when all its connections have logged in.
func fill(b *testing.B, c Config, l load) (*process, *hall) {
	b.Helper()
	h := &hall{members: make(chan *Link, l.Conns)}
	ln, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	serveWith(b, c, ln, func(l *Link) Handler { return &member{hall: h, link: l} })
	l.Addr = ln.Addr().String()
	l.Secure = c.TLS != nil
	l.Login = framed(b, ourLogin)
	if l.WebSocket {
		l.Login = clientFrame(bitFin|opBinary, l.Login[1:])
	}
	p := begin(b, l)
	for range l.Conns {
		h.links = append(h.links, <-h.members)
	}
	return p, h
}

func cpu() time.Duration {
	var u unix.Rusage
	_ = unix.Getrusage(unix.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// BenchmarkRoom is a room of 1,000 with one publisher over loopback: as fast as
// it goes with 64 publishes outstanding, and at 20 publishes a second.
func BenchmarkRoom(b *testing.B) {
	text := strings.Repeat("x", 128)
	for name, pace := range map[string]load{"max": {Window: 64}, "paced": {Every: 50 * time.Millisecond}} {
		onEngines(b, name, func(b *testing.B, c Config) {
			l := pace
			l.Conns, l.For = 1000, 3*time.Second
			l.Frame = len(framed(b, delivery(1, text)))
			l.Publish = framed(b, &proto.Frame{Cmd: proto.Command_SEND, ReqMsg: text})
			p, _ := fill(b, c, l)
			defer p.end()
			before := cpu()
			got := p.measure(b)
			each := float64(cpu()-before) / float64(got.Deliveries)
			b.ReportMetric(float64(got.Deliveries)/got.Took.Seconds()/1e6, "M/s")
			b.ReportMetric(each/1e3, "cpu-us/delivery")
			if l.Window == 0 {
				b.ReportMetric(float64(got.P50.Microseconds())/1e3, "p50-ms")
				b.ReportMetric(float64(got.P99.Microseconds())/1e3, "p99-ms")
			}
			b.ReportMetric(0, "ns/op")
		})
	}
}

// BenchmarkPair is a publisher and another one that reads, with a message every 100 us,
// so that reads and writes are small and the server often waits.
func BenchmarkPair(b *testing.B) {
	text := strings.Repeat("x", 128)
	onEngines(b, "paced", func(b *testing.B, c Config) {
		l := load{Conns: 2, For: 2 * time.Second, Every: 100 * time.Microsecond}
		l.Frame = len(framed(b, delivery(1, text)))
		l.Publish = framed(b, &proto.Frame{Cmd: proto.Command_SEND, ReqMsg: text})
		p, _ := fill(b, c, l)
		defer p.end()
		before := cpu()
		got := p.measure(b)
		b.ReportMetric(float64(cpu()-before)/float64(got.Deliveries)/1e3, "cpu-us/delivery")
		b.ReportMetric(float64(got.P50.Microseconds())/1e3, "p50-ms")
		b.ReportMetric(0, "ns/op")
	})
}

// BenchmarkIdle measures what a logged-in connection that waits costs.
func BenchmarkIdle(b *testing.B) {
	for _, socket := range []bool{false, true} {
		onEngines(b, fmt.Sprintf("websocket=%v", socket), func(b *testing.B, c Config) {
			before := resident()
			p, h := fill(b, c, load{Conns: 5000, WebSocket: socket})
			defer p.end()
			runtime.KeepAlive(h)
			b.ReportMetric(float64(resident()-before)/5000, "RSS-bytes/conn")
			b.ReportMetric(0, "ns/op")
		})
	}
}

// onEngines runs a benchmark on every engine, without TLS and with it.
func onEngines(b *testing.B, name string, f func(*testing.B, Config)) {
	server, _ := certified()
	for _, c := range []*tls.Config{nil, server} {
		for _, e := range engines {
			b.Run(fmt.Sprintf("%s/tls=%v/%s", name, c != nil, &e), func(b *testing.B) { f(b, Config{Engine: e, TLS: c}) })
		}
	}
}

// resident returns the bytes of memory that this process has.
func resident() int {
	debug.FreeOSMemory()
	text, _ := os.ReadFile("/proc/self/statm")
	var size, pages int
	_, _ = fmt.Sscan(string(text), &size, &pages)
	return pages * os.Getpagesize()
}
