package main

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// rawStore speaks to a store beside the door, to prepare it and to look at it.
type rawStore struct {
	t      *testing.T
	conn   net.Conn
	in     *bufio.Reader
	out    *bufio.Writer
	queued int
}

func dialStore(t *testing.T, url string) *rawStore {
	t.Helper()
	conn, err := net.Dial("tcp", strings.TrimPrefix(url, "redis://"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return &rawStore{t: t, conn: conn, in: bufio.NewReader(conn), out: bufio.NewWriter(conn)}
}

// queue writes a command whose answer does not matter unless it is an error.
func (r *rawStore) queue(words ...string) {
	r.t.Helper()
	fmt.Fprintf(r.out, "*%d\r\n", len(words))
	for _, word := range words {
		fmt.Fprintf(r.out, "$%d\r\n%s\r\n", len(word), word)
	}
	if r.queued++; r.queued == 1000 {
		r.flush()
	}
}

// flush waits for the answers and returns the last one.
func (r *rawStore) flush() (last string) {
	r.t.Helper()
	if err := r.out.Flush(); err != nil {
		r.t.Fatal(err)
	}
	for ; r.queued > 0; r.queued-- {
		line, err := r.in.ReadString('\n')
		if err != nil || line[0] == '-' {
			r.t.Fatalf("the store answered %q, %v", line, err)
		}
		if last = line; line[0] != '$' {
			continue
		}
		size, err := strconv.Atoi(strings.TrimSpace(line[1:]))
		if err != nil {
			r.t.Fatal(err)
		}
		text := make([]byte, size+2)
		if _, err := io.ReadFull(r.in, text); err != nil {
			r.t.Fatal(err)
		}
		last = string(text)
	}
	return last
}

// slowStore is a way to a store on which it does so many operations a second at most: a
// command, or a transaction of several, is one.
type slowStore struct {
	to   string
	each atomic.Int64 // ns an operation takes
	done atomic.Int64 // operations

	mu   sync.Mutex
	free time.Time
}

// newSlowStore listens until the test ends.
func newSlowStore(t *testing.T, to string) (s *slowStore, url string) {
	t.Helper()
	l := listen(t)
	s = &slowStore{to: strings.TrimPrefix(to, "redis://")}
	var all sync.WaitGroup
	all.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			all.Go(func() { s.carry(conn) })
		}
	})
	t.Cleanup(func() { l.Close(); all.Wait() })
	return s, "redis://" + l.Addr().String()
}

func (s *slowStore) carry(conn net.Conn) {
	defer conn.Close()
	store, err := net.Dial("tcp", s.to)
	if err != nil {
		return
	}
	var back sync.WaitGroup
	back.Go(func() { _, _ = io.Copy(conn, store); conn.Close() })
	defer back.Wait()
	defer store.Close()
	in, inside := bufio.NewReaderSize(conn, 64<<10), false
	for {
		var all []byte
		ops := 0
		for len(all) == 0 || in.Buffered() > 0 { // a server does all that it has read before it turns to others
			command, raw, err := readCommand(in)
			if err != nil {
				return
			}
			switch command {
			case "multi":
				inside = true
			case "exec":
				inside = false
			}
			if !inside && command != "hello" && command != "client" {
				ops++
			}
			all = append(all, raw...)
		}
		s.done.Add(int64(ops))
		s.take(ops)
		if _, err := store.Write(all); err != nil {
			return
		}
	}
}

// take waits until the store has done so many more.
func (s *slowStore) take(ops int) {
	s.mu.Lock()
	now := time.Now()
	if s.free.Before(now) {
		s.free = now
	}
	s.free = s.free.Add(time.Duration(ops) * time.Duration(s.each.Load()))
	until := s.free
	s.mu.Unlock()
	time.Sleep(time.Until(until))
}

// readCommand reads an array of bulk strings.
func readCommand(in *bufio.Reader) (command string, raw []byte, err error) {
	line, err := in.ReadBytes('\n')
	if err != nil {
		return "", nil, err
	}
	raw = append(raw, line...)
	n, err := strconv.Atoi(strings.TrimSpace(string(line[1:])))
	if err != nil {
		return "", nil, err
	}
	for i := range n {
		if line, err = in.ReadBytes('\n'); err != nil {
			return "", nil, err
		}
		raw = append(raw, line...)
		size, err := strconv.Atoi(strings.TrimSpace(string(line[1:])))
		if err != nil {
			return "", nil, err
		}
		text := make([]byte, size+2)
		if _, err := io.ReadFull(in, text); err != nil {
			return "", nil, err
		}
		if raw = append(raw, text...); i == 0 {
			command = strings.ToLower(string(text[:size]))
		}
	}
	return command, raw, nil
}
