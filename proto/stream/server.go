package stream

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"sync"
	"time"
)

// Handler carries out one call. body is valid until the Handler returns. The Handler
// appends the answer to dst and returns the result, a status of HTTP, and how long the
// caller should wait before a retry (zero: no wait). ctx ends at the caller's deadline
// or with the stream, and has the values of the context of the request that opened it.
type Handler func(ctx context.Context, path string, body, dst []byte) (answer []byte, status int, retryAfter time.Duration)

// ServerConfig configures a Server.
type ServerConfig struct {
	Handle  Handler // required
	MaxBody int     // bytes of one call's body; 0: 16 MiB
	// MaxCalls is the largest number of calls in progress per stream; 0: 64. If that many
	// are in progress, the server reads no further calls until one has ended. If MaxCalls
	// is 1, the reading goroutine carries out the calls, without their deadlines. This is
	// for a Handle that does not block.
	MaxCalls int
}

// leave is how long a server continues to read after it has announced its shutdown. So it
// also serves calls that were sent before the caller got the announcement.
const leave = time.Second

// answerTimeout bounds one write to a caller.
const answerTimeout = 5 * time.Second

// Server answers calls. It is an http.Handler for the path of the upgrade.
type Server struct {
	config ServerConfig
	ending context.Context
	end    context.CancelFunc

	mu      sync.Mutex
	ended   bool
	streams sync.WaitGroup
}

// NewServer returns a server. It panics if c.Handle is nil.
func NewServer(c ServerConfig) *Server {
	if c.Handle == nil {
		panic("stream: no Handle")
	}
	if c.MaxBody == 0 {
		c.MaxBody = 16 << 20
	}
	if c.MaxCalls == 0 {
		c.MaxCalls = 64
	}
	s := &Server{config: c}
	s.ending, s.end = context.WithCancel(context.Background())
	return s
}

// ServeHTTP upgrades the request to a stream and serves it until it ends.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	if s.ended {
		s.mu.Unlock()
		http.Error(w, "the server is shutting down", http.StatusServiceUnavailable)
		return
	}
	s.streams.Add(1)
	s.mu.Unlock()
	defer s.streams.Done()
	conn, err := accept(w, r)
	if err != nil {
		return // accept has already written the error response
	}
	_ = s.serve(context.WithoutCancel(r.Context()), conn) // no report is needed here, because the client reports why the stream ended
}

// Close announces the shutdown on all streams and blocks until their calls have ended.
// That takes a second, and then as long as the last calls take.
func (s *Server) Close() {
	s.mu.Lock()
	s.ended = true
	s.mu.Unlock()
	s.end()
	s.streams.Wait()
}

// serve answers calls until the stream ends, and closes conn. The parameter values has
// the values of the calls' contexts.
func (s *Server) serve(values context.Context, conn net.Conn) error {
	ctx, cancel := context.WithCancel(values)
	out := &writer{conn: conn, timeout: answerTimeout}
	stop := context.AfterFunc(s.ending, func() {
		out.send(appendAnswer(nil, 0, 0, 0), nil)
		_ = conn.SetReadDeadline(time.Now().Add(leave))
	})
	defer stop()
	workers := newWorkers(s.config.MaxCalls)
	err := s.read(readerOf(conn), func(b *[]byte, c incoming) {
		if s.config.MaxCalls == 1 {
			s.answer(ctx, out, c)
			release(b)
			return
		}
		workers.do(func() {
			s.carryOut(ctx, out, c)
			release(b)
		})
	})
	if s.ending.Err() == nil {
		cancel() // the caller has closed the stream
	}
	workers.end()
	cancel()
	_ = conn.Close()
	if errors.Is(err, io.EOF) {
		return nil
	}
	return err
}

// incoming is a call that was read.
type incoming struct {
	id       uint64
	timeLeft time.Duration
	path     string
	body     []byte
}

func (s *Server) read(r *bufio.Reader, begin func(*[]byte, incoming)) error {
	for {
		b, err := readFrame(r, s.config.MaxBody)
		if err != nil {
			return err
		}
		f := fields{rest: *b}
		c := incoming{id: f.number(), timeLeft: time.Duration(f.number()) * time.Millisecond, path: f.text(maxPath)}
		c.body = f.rest
		if f.bad || c.id == 0 || c.timeLeft < 0 {
			release(b)
			return errFrame
		}
		begin(b, c)
	}
}

func (s *Server) carryOut(ctx context.Context, out *writer, c incoming) {
	if c.timeLeft > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, c.timeLeft)
		defer cancel()
	}
	s.answer(ctx, out, c)
}

func (s *Server) answer(ctx context.Context, out *writer, c incoming) {
	dst := buffers.Get().(*[]byte)
	defer func() { release(dst) }()
	answer, status, retryAfter := s.config.Handle(ctx, c.path, c.body, (*dst)[:0])
	*dst = answer
	var head [maxHead]byte
	out.send(appendAnswer(head[:0], c.id, status, uint64(max(0, retryAfter.Milliseconds()))), answer)
}
