#!/usr/bin/env bash
# A Go client of ZooKeeper that has many watches loses most of them with a lost connection,
# without an error, if it makes a request as soon as its session is back.
#
# Versions   github.com/go-zookeeper/zk v1.0.4, ZooKeeper 3.8.0 (Debian 12), Go 1.26
# Set-up     a client watches 80,000 entries. Its connection is cut. Another client changes
#            2,000 of them. The first client comes back within its session.
# Behaviour  idle   it gets an event for each of the 2,000 changes
#            busy   (one goroutine calls Exists("/") in a loop) it got 226, 847 of them
# The client sets its watches again in packets of 128 KB, each from the last transaction
# that it has seen. It looks that up for each packet, without a lock, while its reader
# already takes answers. Each answer names the server's latest transaction. So the server
# takes changes that the client never saw for known. No error comes, and the session is the
# same. With few watches the time for it is short: then the race detector reports it.
# It matters to anyone who takes a watch for a promise: read everything again when a
# connection is back, and make no request before the watches are set.
#
# Needs: Debian 12's packages zookeeper and openjdk, python3, go. Loopback only. A minute.
set -euo pipefail
[ "$(dpkg-query -W -f '${Version}' libzookeeper-java)" = 3.8.0-11+deb12u2 ] || { echo "another ZooKeeper"; exit 1; }
dir=$(mktemp -d)
zk=
trap '[ -z "$zk" ] || kill "$zk"; rm -rf "$dir"' EXIT
cd "$dir"
port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
cat >zoo.cfg <<CFG
dataDir=$dir/data
clientPort=$port
clientPortAddress=127.0.0.1
admin.enableServer=false
maxSessionTimeout=60000
CFG
java -Xmx512m -Dzookeeper.forceSync=no -cp /usr/share/java/zookeeper-3.8.0.jar org.apache.zookeeper.server.ZooKeeperServerMain zoo.cfg >zk.log 2>&1 &
zk=$!
answers() {
	exec 3<>"/dev/tcp/127.0.0.1/$port" && printf srvr >&3 && grep -q '^Mode: standalone' <&3
}
for _ in $(seq 300); do
	(answers) 2>/dev/null && break
	sleep 0.1
done
mkdir program
cd program
cat >main.go <<'GO'
package main

import (
	"fmt"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/go-zookeeper/zk"
)

const (
	entries = 80000
	every   = 40 // one in so many is changed
)

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func root() string { return "/" + os.Args[2] }

func node(i int) string { return fmt.Sprintf(root()+"/an-entry-with-a-name-of-a-usual-length-for-a-service-%06d", i) }

// each calls f for all numbers, 64 at a time.
func each(step int, f func(i int)) {
	var running sync.WaitGroup
	for w := range 64 {
		running.Go(func() {
			for i := w * step; i < entries; i += 64 * step {
				f(i)
			}
		})
	}
	running.Wait()
}

func main() {
	server := []string{os.Args[1]}
	busy := os.Args[2] == "busy"
	other, _, err := zk.Connect(server, 30*time.Second, zk.WithLogInfo(false))
	must(0, err)
	must(other.Create(root(), nil, 0, zk.WorldACL(zk.PermAll)))
	each(1, func(i int) { must(other.Create(node(i), nil, 0, zk.WorldACL(zk.PermAll))) })

	var (
		socket atomic.Pointer[net.Conn]
		gate   sync.RWMutex // held while the network is down
		back   = make(chan bool, 8)
		events atomic.Int64
	)
	dial := func(network, addr string, d time.Duration) (net.Conn, error) {
		gate.RLock()
		defer gate.RUnlock()
		conn, err := net.DialTimeout(network, addr, d)
		if err == nil {
			socket.Store(&conn)
		}
		return conn, err
	}
	watcher, _, err := zk.Connect(server, 30*time.Second, zk.WithLogInfo(false), zk.WithDialer(dial), zk.WithEventCallback(func(e zk.Event) {
		switch {
		case e.State == zk.StateHasSession:
			back <- true
		case e.Type == zk.EventNodeDataChanged:
			events.Add(1)
		}
	}))
	must(0, err)
	<-back
	session := watcher.SessionID()
	each(1, func(i int) {
		_, _, _, err := watcher.GetW(node(i))
		must(0, err)
	})

	gate.Lock()
	(*socket.Load()).Close()
	each(every, func(i int) { must(other.Set(node(i), []byte("new"), -1)) })
	gate.Unlock()
	<-back
	end := time.Now().Add(10 * time.Second)
	if busy { // a program goes on with its work as soon as its session is back
		go func() {
			for time.Now().Before(end) {
				_, _, _ = watcher.Exists("/")
			}
		}()
	}
	time.Sleep(time.Until(end))
	if watcher.SessionID() != session {
		panic("another session")
	}
	fmt.Println(events.Load(), "events of", entries/every, "changes")
	watcher.Close()
	other.Close()
}
GO
cat >go.mod <<'MOD'
module example.com/watches

go 1.26
MOD
go get -x github.com/go-zookeeper/zk@v1.0.4 >/dev/null 2>&1
go build -o ../watches .
cd ..
idle=$(./watches 127.0.0.1:$port idle 2>/dev/null)
busy=$(./watches 127.0.0.1:$port busy 2>/dev/null)
echo "idle: $idle"
echo "busy: $busy"
[ "$idle" = "2000 events of 2000 changes" ] && [ "${busy%% *}" -lt 1900 ] || { echo "this has changed"; exit 1; }
