package gossip

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"time"
)

const (
	resolveTimeout = 5 * time.Second // for one seed: its name or its command
	maxSeedText    = 64 << 10        // bytes read from a file or a command
)

// checkSeed returns an error if the seed's form is wrong. New calls it.
func checkSeed(seed string) error {
	switch {
	case strings.HasPrefix(seed, "dns+srv://"), strings.HasPrefix(seed, "file://"), strings.HasPrefix(seed, "exec:"):
		_, rest, _ := strings.Cut(seed, ":")
		if strings.Trim(rest, "/ ") == "" {
			return fmt.Errorf("seed %q is empty", seed)
		}
		return nil
	case strings.Contains(seed, "://"):
		return fmt.Errorf("seed %q: want host:port, dns+srv://name, file:///path or exec:command", seed)
	}
	_, _, err := splitSeed(seed)
	return err
}

// splitSeed splits host:port or host.
func splitSeed(seed string) (host string, port uint16, err error) {
	if ip, err := netip.ParseAddr(strings.Trim(seed, "[]")); err == nil {
		return ip.String(), DefaultPort, nil // s is an IPv6 address, whose colons do not begin a port
	}
	host, p, err := net.SplitHostPort(seed)
	if err != nil && !strings.Contains(seed, ":") {
		host, p, err = seed, strconv.Itoa(DefaultPort), nil
	}
	if err != nil {
		return "", 0, fmt.Errorf("seed: %w", err)
	}
	n, err := strconv.ParseUint(p, 10, 16)
	if err != nil || n == 0 || host == "" {
		return "", 0, fmt.Errorf("seed %q: want host:port", seed)
	}
	return host, uint16(n), nil
}

// resolve returns the current addresses of a seed. It blocks for up to 5 s.
func (g *Gossip) resolve(ctx context.Context, seed string) ([]netip.AddrPort, error) {
	ctx, cancel := context.WithTimeout(ctx, resolveTimeout)
	defer cancel()
	if path, ok := strings.CutPrefix(seed, "file://"); ok {
		f, err := os.Open(path)
		if err != nil {
			return nil, fmt.Errorf("read seeds: %w", err)
		}
		defer f.Close()
		text, err := io.ReadAll(io.LimitReader(f, maxSeedText))
		if err != nil {
			return nil, fmt.Errorf("read seeds: %w", err)
		}
		return g.resolveText(ctx, text)
	}
	if command, ok := strings.CutPrefix(seed, "exec:"); ok {
		text, err := run(ctx, command)
		if err != nil {
			return nil, fmt.Errorf("run seed command %q: %w", command, err)
		}
		return g.resolveText(ctx, text)
	}
	if name, ok := strings.CutPrefix(seed, "dns+srv://"); ok {
		return g.resolveSRV(ctx, name)
	}
	host, port, err := splitSeed(seed)
	if err != nil {
		return nil, err
	}
	return g.resolveHost(ctx, host, port)
}

// run runs a command and returns its output. It splits the command at spaces and uses
// no shell.
func run(ctx context.Context, command string) ([]byte, error) {
	words := strings.Fields(command)
	cmd := exec.CommandContext(ctx, words[0], words[1:]...)
	cmd.WaitDelay = time.Second // do not wait longer if a child of the command keeps the pipe open
	out, err := cmd.Output()
	return out[:min(len(out), maxSeedText)], err
}

// resolveText resolves the addresses in text. A line has any number of addresses, and #
// begins a comment. It returns the addresses that resolve, and the errors of the others.
func (g *Gossip) resolveText(ctx context.Context, text []byte) (addrs []netip.AddrPort, err error) {
	lines := bufio.NewScanner(bytes.NewReader(text))
	for lines.Scan() {
		line, _, _ := strings.Cut(lines.Text(), "#")
		for _, word := range strings.FieldsFunc(line, func(r rune) bool { return r == ' ' || r == '\t' || r == ',' }) {
			host, port, err1 := splitSeed(word)
			if err1 == nil {
				var found []netip.AddrPort
				found, err1 = g.resolveHost(ctx, host, port)
				addrs = append(addrs, found...)
			}
			err = errors.Join(err, err1)
		}
	}
	return addrs, err
}

func (g *Gossip) resolveSRV(ctx context.Context, name string) (addrs []netip.AddrPort, err error) {
	_, records, err := g.cfg.Resolver.LookupSRV(ctx, "", "", name)
	for _, r := range records { // valid records may come with an error about others
		found, err1 := g.resolveHost(ctx, strings.TrimSuffix(r.Target, "."), r.Port)
		addrs = append(addrs, found...)
		err = errors.Join(err, err1)
	}
	return addrs, err
}

func (g *Gossip) resolveHost(ctx context.Context, host string, port uint16) ([]netip.AddrPort, error) {
	ips, err := g.lookup(ctx, host)
	if err != nil {
		return nil, err
	}
	var addrs []netip.AddrPort
	for _, s := range ips {
		if ip, err := netip.ParseAddr(s); err == nil {
			addrs = append(addrs, netip.AddrPortFrom(ip.Unmap(), port))
		}
	}
	return addrs, nil
}

// lookup returns the IP addresses of host, at least one, or an error.
func (g *Gossip) lookup(ctx context.Context, host string) ([]string, error) {
	if _, err := netip.ParseAddr(host); err == nil {
		return []string{host}, nil
	}
	ips, err := g.cfg.Resolver.LookupHost(ctx, host)
	if err == nil && len(ips) == 0 {
		err = fmt.Errorf("%s has no address", host)
	}
	return ips, err
}

// candidates returns the addresses at which members may be, without this node's own.
// The map seeds has the addresses from Config.Seeds. If seeds do not resolve, err has
// their errors.
func (g *Gossip) candidates(ctx context.Context) (all []netip.AddrPort, seeds map[netip.AddrPort]bool, err error) {
	seeds = make(map[netip.AddrPort]bool)
	for _, s := range g.cfg.Seeds {
		addrs, err1 := g.resolve(ctx, s)
		err = errors.Join(err, err1)
		for _, a := range addrs {
			seeds[a] = true
		}
		all = append(all, addrs...)
	}
	all = append(all, g.remembered()...)
	if g.cfg.More != nil {
		more, err1 := g.moreAddrs(ctx)
		err = errors.Join(err, err1)
		all = append(all, more...)
	}
	return g.others(all), seeds, err
}

// moreAddrs returns the addresses from Config.More. If More answers that there are no
// addresses, this node may be the first one of its cluster. Then moreAddrs sets
// g.first.
func (g *Gossip) moreAddrs(ctx context.Context) (addrs []netip.AddrPort, err error) {
	ctx, cancel := context.WithTimeout(ctx, resolveTimeout)
	defer cancel()
	names, err := g.cfg.More(ctx)
	for _, name := range names {
		found, err1 := g.resolve(ctx, name)
		err = errors.Join(err, err1)
		addrs = append(addrs, found...)
	}
	addrs = g.others(addrs)
	g.mu.Lock()
	g.first = err == nil && len(addrs) == 0
	g.mu.Unlock()
	signal(g.dirty) // this node may be ready now
	return addrs, err
}

// others returns the addresses in the list all, without duplicates and without this
// node's own. It changes the list.
func (g *Gossip) others(all []netip.AddrPort) []netip.AddrPort {
	slices.SortFunc(all, netip.AddrPort.Compare)
	all = slices.Compact(all)
	return slices.DeleteFunc(all, func(a netip.AddrPort) bool { return slices.Contains(g.own, a) })
}
