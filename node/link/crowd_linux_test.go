package link

import (
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cim-go/cim/proto"
)

// crowd is a room of connections that speak TLS. Each has a goroutine that reads.
type crowd struct {
	load  *load
	conns []*tls.Conn
	sent  []time.Time // room for as many as are published
	count atomic.Int64
	total atomic.Int64 // bytes that were read
	mu    sync.Mutex
	delay []time.Duration
}

func newCrowd(l *load) (*crowd, error) {
	c := &crowd{load: l, sent: make([]time.Time, 1<<20)}
	for range l.Conns {
		raw, err := net.Dial("tcp", l.Addr)
		if err != nil {
			return nil, err
		}
		conn := tls.Client(raw, &tls.Config{InsecureSkipVerify: true})
		if err := c.login(conn); err != nil {
			return nil, err
		}
		c.conns = append(c.conns, conn)
	}
	return c, nil
}

// login writes the first frame, and sends pings and waits for their answers.
func (c *crowd) login(conn *tls.Conn) error {
	b := make([]byte, 4096)
	if c.load.WebSocket {
		if _, err := io.WriteString(conn, upgrade); err != nil {
			return err
		}
		if n, err := conn.Read(b); err != nil || !strings.HasPrefix(string(b[:n]), "HTTP/1.1 101 ") {
			return fmt.Errorf("handshake answered with %q, %v", b[:n], err)
		}
	}
	if _, err := conn.Write(c.load.Login); err != nil {
		return err
	}
	for range c.load.Pings {
		if _, err := conn.Write(c.load.Ping); err != nil {
			return err
		}
		if _, err := conn.Read(b); err != nil {
			return err
		}
	}
	return nil
}

func (c *crowd) run() loaded {
	for _, conn := range c.conns {
		go c.read(conn)
	}
	start := time.Now()
	for time.Since(start) < c.load.For {
		n := int(c.count.Load())
		switch {
		case c.load.Window > 0 && n-int(c.total.Load())/c.load.Frame/len(c.conns) < c.load.Window:
			c.publish(n)
		case c.load.Window > 0:
			time.Sleep(100 * time.Microsecond)
		default:
			time.Sleep(time.Until(start.Add(time.Duration(n) * c.load.Every)))
			c.publish(n)
		}
	}
	done := loaded{Deliveries: int(c.total.Load()) / c.load.Frame, Took: time.Since(start)}
	c.mu.Lock()
	defer c.mu.Unlock()
	slices.Sort(c.delay)
	if n := len(c.delay); n > 0 {
		done.P50, done.P99 = c.delay[n/2], c.delay[n*99/100]
	}
	return done
}

func (c *crowd) publish(n int) {
	c.sent[n] = time.Now()
	c.count.Add(1)
	if _, err := c.conns[0].Write(c.load.Publish); err != nil {
		panic(err)
	}
}

// read reads until the process ends.
func (c *crowd) read(conn *tls.Conn) {
	b := make([]byte, 16<<10)
	for got := 0; ; {
		n, err := conn.Read(b)
		if err != nil {
			panic(err)
		}
		if c.load.Window == 0 {
			now := time.Now()
			c.mu.Lock()
			for k := got / c.load.Frame; k < (got+n)/c.load.Frame; k++ {
				c.delay = append(c.delay, now.Sub(c.sent[k]))
			}
			c.mu.Unlock()
		}
		got += n
		c.total.Add(int64(n))
	}
}

// BenchmarkIdleTLS measures what an idle connection costs that speaks TLS, after some
// pings, and what a tls.Conn costs that has read and written the same.
func BenchmarkIdleTLS(b *testing.B) {
	const conns = 2000
	server, _ := certified()
	ping := framed(b, &proto.Frame{Cmd: proto.Command_PING})
	l := load{Conns: conns, Pings: 5, Ping: ping}
	for _, socket := range []bool{false, true} {
		for _, e := range engines {
			b.Run(fmt.Sprintf("websocket=%v/%s", socket, &e), func(b *testing.B) {
				l := l
				if l.WebSocket = socket; socket {
					l.Ping = clientFrame(bitFin|opBinary, ping[1:])
				}
				before, heap := resident(), live()
				p, h := fill(b, Config{Engine: e, TLS: server}, l)
				defer p.end()
				b.ReportMetric(float64(resident()-before)/conns, "RSS-bytes/conn")
				b.ReportMetric(float64(live()-heap)/conns, "heap-bytes/conn")
				b.ReportMetric(0, "ns/op")
				runtime.KeepAlive(h)
			})
		}
	}
	b.Run("bare", func(b *testing.B) {
		ln, err := net.Listen("tcp4", "127.0.0.1:0")
		if err != nil {
			b.Fatal(err)
		}
		defer ln.Close()
		before, heap := resident(), live()
		held := make(chan *tls.Conn, conns)
		go hold(ln, server, len(framed(b, ourLogin))+l.Pings*len(ping), held)
		l := l
		l.Addr, l.Login, l.Secure = ln.Addr().String(), framed(b, ourLogin), true
		p := begin(b, l)
		defer p.end()
		b.ReportMetric(float64(resident()-before)/conns, "RSS-bytes/conn")
		b.ReportMetric(float64(live()-heap)/conns, "heap-bytes/conn")
		b.ReportMetric(0, "ns/op")
		runtime.KeepAlive(held)
	})
}

// live returns the bytes of the heap that are in use, without garbage.
func live() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// hold accepts connections, answers n bytes of each read by read, and keeps them.
func hold(ln net.Listener, c *tls.Config, n int, held chan *tls.Conn) {
	for {
		raw, err := ln.Accept()
		if err != nil {
			return
		}
		go func() {
			conn := tls.Server(raw, c)
			b := make([]byte, 1024)
			for got := 0; got < n; {
				m, err := conn.Read(b)
				if err != nil {
					return
				}
				if got > 0 {
					_, _ = conn.Write(b[:m])
				}
				got += m
			}
			held <- conn
		}()
	}
}
