package link

import (
	"log/slog"
	"net"
	"runtime"
	"strings"
	"sync"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/cim-go/cim/proto"
)

func TestHeldLinkIsNotWatched(t *testing.T) {
	w := onTCP(t, Config{Engine: EngineEpoll})
	conn, r := w.login(t, ourLogin)
	r.link.Hold(true)
	write(t, conn, &proto.Frame{Cmd: proto.Command_PING})
	eventually(t, "the loop stops to watch it", func() bool {
		r.link.mu.Lock()
		defer r.link.mu.Unlock()
		return r.link.poll.watched == 0
	})
	if len(r.frames) > 0 {
		t.Error("a held link was read")
	}
	r.link.Hold(false)
	<-r.frames
}

func descriptor(l *Link) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return int(l.poll.fd)
}

// An event of epoll for a descriptor counts only for the link that had the descriptor
// at that time.
func TestLateEventFindsNoOtherLink(t *testing.T) {
	w := onTCP(t, Config{Engine: EngineEpoll})
	conn, old := w.login(t, ourLogin)
	e := (*w.server.running.Load()).(*epoll)
	late := event(old.link, descriptor(old.link), unix.EPOLLIN)
	if e.links.find(late) != old.link {
		t.Fatal("a live link is not found")
	}
	_ = conn.Close()
	wantCode(t, old, proto.OK)
	eventually(t, "the link ends", func() bool { return w.server.Len() == 0 })
	for range 5 {
		if _, r := w.login(t, ourLogin); descriptor(r.link) == int(late.Fd) && e.links.find(late) != nil {
			t.Error("an event of a closed descriptor found the link that has its number now")
		}
	}
	if e.links.find(late) != nil {
		t.Error("a link that has ended was found")
	}
}

func TestAcceptedSocketsAreSetAsPackageNetDoes(t *testing.T) {
	onEachEngine(t, func(t *testing.T, e Engine) {
		w := onTCP(t, Config{Engine: e})
		_, r := w.login(t, ourLogin)
		fd := descriptor(r.link)
		if s, ok := r.link.wire.(*stream); ok {
			raw, err := s.raw.(*net.TCPConn).SyscallConn()
			if err != nil {
				t.Fatal(err)
			}
			_ = raw.Control(func(p uintptr) { fd = int(p) })
		}
		for _, o := range []struct{ level, name, want int }{
			{unix.IPPROTO_TCP, unix.TCP_NODELAY, 1}, {unix.SOL_SOCKET, unix.SO_KEEPALIVE, 1},
			{unix.IPPROTO_TCP, unix.TCP_KEEPIDLE, 15}, {unix.IPPROTO_TCP, unix.TCP_KEEPINTVL, 15},
			{unix.IPPROTO_TCP, unix.TCP_KEEPCNT, 9},
		} {
			if got, err := unix.GetsockoptInt(fd, o.level, o.name); err != nil || got != o.want {
				t.Errorf("option %d of level %d is %d, %v; want %d", o.name, o.level, got, err, o.want)
			}
		}
	})
}

// said is a log that a test waits for.
type said struct {
	once sync.Once
	what string
	done chan struct{}
}

func (s *said) Write(line []byte) (int, error) {
	if strings.Contains(string(line), s.what) {
		s.once.Do(func() { close(s.done) })
	}
	return len(line), nil
}

func TestAcceptingSurvivesALackOfDescriptors(t *testing.T) {
	onEachEngine(t, func(t *testing.T, e Engine) {
		log := &said{what: "too many open files", done: make(chan struct{})}
		w := onTCP(t, Config{Engine: e, Logger: slog.New(slog.NewTextHandler(log, nil))})
		w.login(t, ourLogin) // what is opened once is open
		var limit unix.Rlimit
		if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
			t.Fatal(err)
		}
		free, err := unix.Dup(0)
		if err != nil {
			t.Fatal(err)
		}
		_ = unix.Close(free)
		least := unix.Rlimit{Cur: uint64(free + 1), Max: limit.Max} // for the one that dials
		if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &least); err != nil {
			t.Fatal(err)
		}
		conn := w.dial()
		<-log.done
		if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
			t.Fatal(err)
		}
		r := <-w.accepted
		write(t, conn, ourLogin)
		<-r.frames
	})
}

// A loop reads and writes many links at once, so that each costs no thread and
// its own goroutine.
func TestEpollHasNoGoroutineALink(t *testing.T) {
	for _, e := range []Engine{EngineEpoll, epollTLS} {
		w := onTCP(t, Config{Engine: e})
		w.login(t, ourLogin)
		before := runtime.NumGoroutine()
		for range 20 {
			w.login(t, ourLogin)
		}
		eventually(t, "20 links have no goroutines", func() bool { return runtime.NumGoroutine() <= before+2 })
	}
}
