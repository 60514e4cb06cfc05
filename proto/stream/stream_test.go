package stream

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/cim-go/cim/proto/wait"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// start serves streams over real sockets and returns their URL. The server ends with the
// test, or when the caller ends it.
func start(t testing.TB, c ServerConfig) (*Server, string) {
	t.Helper()
	s := NewServer(c)
	web := httptest.NewServer(s)
	t.Cleanup(func() {
		s.Close()
		web.Close()
	})
	return s, web.URL
}

func client(t testing.TB, url string, c ClientConfig) *Client {
	t.Helper()
	if c.Dial == nil {
		var err error
		if c.Dial, err = Dialer(url, nil, new(net.Dialer).DialContext, nil); err != nil {
			t.Fatal(err)
		}
	}
	made := NewClient(c)
	t.Cleanup(made.Close)
	return made
}

func echo(_ context.Context, path string, body, dst []byte) ([]byte, int, time.Duration) {
	return append(append(dst, path...), body...), http.StatusOK, 0
}

func TestAnswersFindTheirCalls(t *testing.T) {
	for _, most := range []int{0, 1, 3} {
		t.Run(fmt.Sprintf("%d at a time", most), func(t *testing.T) { answersFindTheirCalls(t, most) })
	}
}

func answersFindTheirCalls(t *testing.T, most int) {
	_, url := start(t, ServerConfig{Handle: echo, MaxCalls: most})
	c := client(t, url, ClientConfig{})
	var calls sync.WaitGroup
	for i := range 200 {
		calls.Go(func() {
			body := bytes.Repeat([]byte{byte(i)}, i*i)
			a, err := c.Call(t.Context(), "/x", body)
			if err != nil || a.Status != http.StatusOK || string(a.Body) != "/x"+string(body) {
				t.Errorf("call %d: %v, %d bytes of answer", i, err, len(a.Body))
			}
		})
	}
	calls.Wait()
}

// A slow call delays no other: answers come in any order.
func TestSlowCallHoldsNobodyUp(t *testing.T) {
	slow := make(chan struct{})
	_, url := start(t, ServerConfig{Handle: func(ctx context.Context, path string, body, dst []byte) ([]byte, int, time.Duration) {
		if path == "/slow" {
			<-slow
		}
		return echo(ctx, path, body, dst)
	}})
	c := client(t, url, ClientConfig{})
	var calls sync.WaitGroup
	calls.Go(func() {
		if _, err := c.Call(t.Context(), "/slow", nil); err != nil {
			t.Errorf("slow call: %v", err)
		}
	})
	for range 10 {
		if _, err := c.Call(t.Context(), "/fast", nil); err != nil {
			t.Fatal(err)
		}
	}
	close(slow)
	calls.Wait()
}

func TestStatusAndWaitComeBack(t *testing.T) {
	_, url := start(t, ServerConfig{Handle: func(_ context.Context, _ string, _, dst []byte) ([]byte, int, time.Duration) {
		return dst, http.StatusTooManyRequests, 1500 * time.Millisecond
	}})
	a, err := client(t, url, ClientConfig{}).Call(t.Context(), "/x", nil)
	if err != nil || a.Status != http.StatusTooManyRequests || a.RetryAfter != 1500*time.Millisecond || len(a.Body) != 0 {
		t.Errorf("answer %+v, %v", a, err)
	}
}

// The server knows how long the caller waits.
func TestDeadlineTravels(t *testing.T) {
	_, url := start(t, ServerConfig{Handle: func(ctx context.Context, _ string, _, dst []byte) ([]byte, int, time.Duration) {
		if deadline, ok := ctx.Deadline(); ok && time.Until(deadline) < time.Minute {
			return dst, http.StatusOK, 0
		}
		return dst, http.StatusTeapot, 0
	}})
	ctx, cancel := context.WithTimeout(t.Context(), 59*time.Second)
	defer cancel()
	if a, err := client(t, url, ClientConfig{}).Call(ctx, "/x", nil); err != nil || a.Status != http.StatusOK {
		t.Errorf("answer %+v, %v", a, err)
	}
}

// A server without streams does not get a request per call.
func TestRefusalIsRemembered(t *testing.T) {
	var asked atomic.Int32
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		asked.Add(1)
		http.Error(w, "what?", http.StatusNotFound)
	}))
	defer web.Close()
	c := client(t, web.URL, ClientConfig{})
	for range 3 {
		if _, err := c.Call(t.Context(), "/x", nil); !errors.Is(err, ErrRefused) {
			t.Fatalf("call: %v", err)
		}
	}
	if n := asked.Load(); n != 1 {
		t.Errorf("asked %d times", n)
	}
}

func TestHeaderIsShownAndPlainRequestIsTold(t *testing.T) {
	s := NewServer(ServerConfig{Handle: echo})
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer abc" {
			http.Error(w, "no", http.StatusUnauthorized)
			return
		}
		s.ServeHTTP(w, r)
	}))
	defer web.Close()
	defer s.Close()
	header := http.Header{"Authorization": {"Bearer abc"}}
	dial, err := Dialer(web.URL, func() http.Header { return header }, new(net.Dialer).DialContext, nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := client(t, "", ClientConfig{Dial: dial}).Call(t.Context(), "/x", nil); err != nil {
		t.Errorf("with the token: %v", err)
	}
	if _, err := client(t, web.URL, ClientConfig{}).Call(t.Context(), "/x", nil); !errors.Is(err, ErrRefused) {
		t.Errorf("without: %v", err)
	}
	plain, err := http.NewRequest(http.MethodGet, web.URL, nil)
	if err != nil {
		t.Fatal(err)
	}
	plain.Header = header
	answer, err := http.DefaultClient.Do(plain)
	if err != nil {
		t.Fatal(err)
	}
	answer.Body.Close()
	http.DefaultClient.CloseIdleConnections()
	if answer.StatusCode != http.StatusUpgradeRequired {
		t.Errorf("plain request: %s", answer.Status)
	}
}

func TestTLS(t *testing.T) {
	s := NewServer(ServerConfig{Handle: echo})
	web := httptest.NewTLSServer(s)
	defer web.Close()
	defer s.Close()
	config := web.Client().Transport.(*http.Transport).TLSClientConfig
	dial, err := Dialer(web.URL, nil, new(net.Dialer).DialContext, func() *tls.Config { return config })
	if err != nil {
		t.Fatal(err)
	}
	if a, err := client(t, "", ClientConfig{Dial: dial}).Call(t.Context(), "/x", []byte("y")); err != nil || string(a.Body) != "/xy" {
		t.Errorf("answer %+v, %v", a, err)
	}
}

// A server that ends answers the calls that it has, and later calls go elsewhere.
func TestServerTakesLeave(t *testing.T) {
	begun, finish := make(chan struct{}), make(chan struct{})
	s, url := start(t, ServerConfig{Handle: func(ctx context.Context, path string, body, dst []byte) ([]byte, int, time.Duration) {
		if path == "/slow" {
			close(begun)
			<-finish
		}
		return echo(ctx, path, body, dst)
	}})
	c := client(t, url, ClientConfig{})
	var calls sync.WaitGroup
	calls.Go(func() {
		if a, err := c.Call(t.Context(), "/slow", nil); err != nil || string(a.Body) != "/slow" {
			t.Errorf("call in progress: %+v, %v", a, err)
		}
	})
	<-begun
	var ending sync.WaitGroup
	ending.Go(s.Close)
	c.mu.Lock()
	conn := c.conn
	c.mu.Unlock()
	until(t, func() bool { return !conn.fresh(time.Now()) })
	if _, err := c.Call(t.Context(), "/late", nil); !errors.Is(err, ErrRefused) {
		t.Errorf("call on a server that ends: %v", err)
	}
	close(finish)
	calls.Wait()
	ending.Wait()
}

// A server that was killed leaves the outcome open, and its successor is found.
func TestLostConnectionIsReplaced(t *testing.T) {
	_, url := start(t, ServerConfig{Handle: echo})
	var broken atomic.Pointer[net.Conn]
	dial, err := Dialer(url, nil, new(net.Dialer).DialContext, nil)
	if err != nil {
		t.Fatal(err)
	}
	c := client(t, "", ClientConfig{Dial: func(ctx context.Context) (net.Conn, error) {
		conn, err := dial(ctx)
		broken.Store(&conn)
		return conn, err
	}})
	if _, err := c.Call(t.Context(), "/x", nil); err != nil {
		t.Fatal(err)
	}
	_ = (*broken.Load()).Close()
	until(t, func() bool { return !c.conn.fresh(time.Now()) })
	if _, err := c.Call(t.Context(), "/x", nil); err != nil {
		t.Errorf("after the loss: %v", err)
	}
}

// A paused peer answers nothing, so its stream is given up with the first call whose
// time is over. The stream of a peer that is slow only with one call is kept.
func TestSilentStreamIsGivenUp(t *testing.T) {
	stop := make(chan struct{})
	_, url := start(t, ServerConfig{Handle: func(ctx context.Context, path string, body, dst []byte) ([]byte, int, time.Duration) {
		if path == "/never" {
			<-stop
		}
		return echo(ctx, path, body, dst)
	}})
	defer close(stop)
	c := client(t, url, ClientConfig{})
	late := func(alongside bool) *conn {
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		defer cancel()
		var calls sync.WaitGroup
		calls.Go(func() {
			if _, err := c.Call(ctx, "/never", nil); !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("call: %v", err)
			}
		})
		until(t, func() bool { c.mu.Lock(); defer c.mu.Unlock(); return c.conn != nil && c.conn.busy() })
		c.mu.Lock()
		used := c.conn
		c.mu.Unlock()
		until(t, func() bool { used.mu.Lock(); defer used.mu.Unlock(); return len(used.calls) == 1 })
		if alongside {
			if _, err := c.Call(t.Context(), "/x", nil); err != nil {
				t.Errorf("call alongside: %v", err)
			}
		}
		calls.Wait()
		return used
	}
	if used := late(true); !used.fresh(time.Now()) {
		t.Error("a stream that answers was given up")
	}
	if used := late(false); used.fresh(time.Now()) {
		t.Error("a silent stream is used on")
	}
}

// Calls go to a new connection when one is old, and those in progress end on it.
func TestOldConnectionIsReplaced(t *testing.T) {
	finish := make(chan struct{})
	_, url := start(t, ServerConfig{Handle: func(ctx context.Context, path string, body, dst []byte) ([]byte, int, time.Duration) {
		if path == "/slow" {
			<-finish
		}
		return echo(ctx, path, body, dst)
	}})
	c := client(t, url, ClientConfig{})
	if _, err := c.Call(t.Context(), "/x", nil); err != nil {
		t.Fatal(err)
	}
	old := c.conn
	var calls sync.WaitGroup
	calls.Go(func() {
		if _, err := c.Call(t.Context(), "/slow", nil); err != nil {
			t.Errorf("call on the old one: %v", err)
		}
	})
	until(t, func() bool { old.mu.Lock(); defer old.mu.Unlock(); return len(old.calls) == 1 })
	old.mu.Lock()
	old.old = time.Now()
	old.mu.Unlock()
	if _, err := c.Call(t.Context(), "/x", nil); err != nil || c.conn == old {
		t.Errorf("call on a new one: %v, same %v", err, c.conn == old)
	}
	close(finish)
	calls.Wait()
	until(t, func() bool { c.mu.Lock(); defer c.mu.Unlock(); return len(c.alive) == 1 })
}

func until(t *testing.T, ok func() bool) {
	t.Helper()
	wait.Until(t, "it comes to that", ok)
}

// BenchmarkHop measures a call between node and route in three ways, with one call at a
// time and with 4 in flight, as many as a node has queues.
func BenchmarkHop(b *testing.B) {
	body := bytes.Repeat([]byte("x"), 300)
	_, url := start(b, ServerConfig{Handle: echo})
	plain := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		read := new(bytes.Buffer)
		_, _ = read.ReadFrom(r.Body)
		_, _ = w.Write(read.Bytes())
	}))
	plain.Config.Protocols = new(http.Protocols)
	plain.Config.Protocols.SetHTTP1(true)
	plain.Config.Protocols.SetUnencryptedHTTP2(true)
	plain.Start()
	b.Cleanup(plain.Close)
	c := client(b, url, ClientConfig{})
	h2c := &http.Transport{Protocols: new(http.Protocols)}
	h2c.Protocols.SetUnencryptedHTTP2(true)
	h1 := &http.Transport{MaxIdleConnsPerHost: 16}
	b.Cleanup(h1.CloseIdleConnections)
	b.Cleanup(h2c.CloseIdleConnections)
	post := func(via *http.Transport) func() error {
		web := &http.Client{Transport: via}
		return func() error {
			a, err := web.Post(plain.URL, "application/x-protobuf", bytes.NewReader(body))
			if err != nil {
				return err
			}
			defer a.Body.Close()
			_, err = new(bytes.Buffer).ReadFrom(a.Body)
			return err
		}
	}
	ways := []struct {
		name string
		call func() error
	}{
		{"http1", post(h1)}, {"h2c", post(h2c)},
		{"stream", func() error { _, err := c.Call(context.Background(), "/node/send", body); return err }},
	}
	for _, way := range ways {
		for _, lanes := range []int{1, 4} {
			b.Run(fmt.Sprintf("%s/lanes=%d", way.name, lanes), func(b *testing.B) {
				var left atomic.Int64
				left.Store(int64(b.N))
				var running sync.WaitGroup
				b.ResetTimer()
				for range lanes {
					running.Go(func() {
						for left.Add(-1) >= 0 {
							if err := way.call(); err != nil {
								b.Error(err)
								return
							}
						}
					})
				}
				running.Wait()
			})
		}
	}
}
