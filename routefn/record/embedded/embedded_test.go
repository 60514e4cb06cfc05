package embedded

import (
	"errors"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestClockRunsAndKeysExpire(t *testing.T) {
	s, err := Start("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	client := redis.NewClient(&redis.Options{Addr: s.Addr()})
	defer client.Close()
	before, err := client.Time(t.Context()).Result()
	if err != nil || time.Since(before) > time.Minute {
		t.Fatalf("its clock says %v, %v", before, err)
	}
	if err := client.Set(t.Context(), "name", "alice", 20*time.Millisecond).Err(); err != nil {
		t.Fatal(err)
	}
	for { // until the key is gone; without ClockTTL that would take for ever
		err := client.Get(t.Context(), "name").Err()
		if errors.Is(err, redis.Nil) {
			return
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

func TestOnlyLoopbackIsListenedOn(t *testing.T) {
	for _, addr := range []string{"0.0.0.0:0", ":0", "[::]:0", "192.0.2.1:0", "nonsense"} {
		if s, err := Start(addr); err == nil {
			s.Close()
			t.Errorf("%q was listened on", addr)
		}
	}
}

func TestLockedStoreWantsItsPassword(t *testing.T) {
	s, err := StartLocked("127.0.0.1:0", "pass word")
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	stranger := redis.NewClient(&redis.Options{Addr: s.Addr(), MaxRetries: -1})
	defer stranger.Close()
	if err := stranger.Get(t.Context(), "k").Err(); err == nil || errors.Is(err, redis.Nil) {
		t.Errorf("without the password: %v", err)
	}
	options, err := redis.ParseURL(s.URL())
	if err != nil {
		t.Fatal(err)
	}
	friend := redis.NewClient(options)
	defer friend.Close()
	if err := friend.Get(t.Context(), "k").Err(); !errors.Is(err, redis.Nil) {
		t.Errorf("with it: %v", err)
	}
}

func TestCloseTwiceIsFine(t *testing.T) {
	s, err := Start("localhost:0")
	if err != nil {
		t.Fatal(err)
	}
	s.Close()
	s.Close()
}
