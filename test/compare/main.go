// Compare measures a tape drive of this suite beside tgtd's, in turns on the same
// file system, with every byte that is read compared, and prints the medians and
// their ratios. With --peer none it measures the suite alone.
//
//	make build && go run ./test/compare
//
// tgtd is Debian's package tgt, started with its defaults; it wants root.
package main

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/pflag"
)

// options are what the command line says.
type options struct {
	bin, dir, peer  string
	compression     string
	total           int // MiB
	blocks, depths  []int
	kinds           []string
	rounds, locates int
}

func main() {
	var o options
	fs := pflag.NewFlagSet("compare", pflag.ContinueOnError)
	fs.StringVar(&o.bin, "bin", "bin", "`DIR` of the suite's programs")
	fs.StringVar(&o.dir, "dir", os.TempDir(), "`DIR` on the file system to measure")
	fs.StringVar(&o.peer, "peer", "tgtd", "what to measure beside: tgtd or none")
	fs.StringVar(&o.compression, "compression", "adaptive", "`CODEC` of the suite's drive, as in vtlcmd N compression")
	fs.IntVar(&o.total, "total", 1024, "MiB of each tape file")
	fs.IntSliceVar(&o.blocks, "block", []int{256}, "block sizes in KiB")
	fs.IntSliceVar(&o.depths, "depth", []int{1, 8}, "commands outstanding")
	fs.StringSliceVar(&o.kinds, "kind", []string{"random"}, "data: "+strings.Join(kinds, ", "))
	fs.IntVar(&o.rounds, "rounds", 3, "how often everything is measured")
	fs.IntVar(&o.locates, "locates", 200, "random positionings")
	switch err := fs.Parse(os.Args[1:]); {
	case err == pflag.ErrHelp:
		return
	case err != nil:
		fail(err, 2)
	}
	if err := o.check(fs.Args()); err != nil {
		fail(err, 2)
	}
	if err := run(o); err != nil {
		fail(err, 1)
	}
}

func fail(err error, status int) {
	fmt.Fprintln(os.Stderr, "compare:", err)
	os.Exit(status)
}

func (o *options) check(args []string) error {
	if len(args) > 0 {
		return fmt.Errorf("unexpected argument %q", args[0])
	}
	if o.peer != "tgtd" && o.peer != "none" {
		return fmt.Errorf("--peer %s: neither tgtd nor none", o.peer)
	}
	for _, k := range o.kinds {
		if !slices.Contains(kinds, k) {
			return fmt.Errorf("--kind %s: none of %s", k, strings.Join(kinds, ", "))
		}
	}
	for _, b := range o.blocks {
		if b < 1 || b > 8192 {
			return fmt.Errorf("--block %d: not in 1 to 8192", b)
		}
	}
	for _, d := range o.depths {
		if d < 1 || d > maxDepth {
			return fmt.Errorf("--depth %d: not in 1 to %d", d, maxDepth)
		}
	}
	if o.total < 1 || o.rounds < 1 || o.locates < 0 {
		return fmt.Errorf("--total and --rounds are at least 1, --locates at least 0")
	}
	return nil
}

// run starts the servers, measures them in turns, and prints what came out.
func run(o options) (err error) {
	dir, err := os.MkdirTemp(o.dir, "compare-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	var servers []*server
	defer func() {
		for _, s := range servers {
			s.stop()
		}
	}()
	begin := []func(options, string) (*server, error){startSuite}
	if o.peer == "tgtd" {
		begin = append(begin, startTgtd)
	}
	for _, f := range begin {
		s, err := f(o, dir)
		if err != nil {
			return err
		}
		servers = append(servers, s)
	}
	idle := servers[0].resident()
	var r results
	for range o.rounds {
		for _, kind := range o.kinds {
			for _, block := range o.blocks {
				c := newContent(kind, block<<10)
				for _, depth := range o.depths {
					for _, s := range servers {
						at := fmt.Sprintf("%-6s %5d KiB depth %d", kind, block, depth)
						if err := measure(s, c, o, depth, func(what string, v float64) { r.add(at, what, s.name, v) }); err != nil {
							return fmt.Errorf("%s, %s: %w", s.name, at, err)
						}
					}
				}
			}
		}
	}
	r.print(os.Stdout, servers)
	fmt.Printf("\nresident memory of an idle drive daemon: %.1f MiB\n", float64(idle)/(1<<20))
	return nil
}

// measure carries out the phases on one server, each on a session of its own.
func measure(s *server, c *content, o options, depth int, note func(what string, v float64)) error {
	n := max(o.total<<20/c.size, 1)
	t, err := dial(s, c.size)
	if err != nil {
		return err
	}
	defer t.close()
	if err := t.prepare(); err != nil {
		return err
	}
	begun := time.Now()
	if err := t.write(c, n, depth); err != nil {
		return fmt.Errorf("write: %w", err)
	}
	written := time.Now()
	if err := t.command("WRITE FILEMARKS", []byte{0x10, 0, 0, 0, 1, 0}); err != nil {
		return err
	}
	end := time.Now()
	note("write MB/s, filemark included", float64(n)*float64(c.size)/1e6/end.Sub(begun).Seconds())
	note("synchronised filemark, ms", end.Sub(written).Seconds()*1e3)
	if err := t.command("REWIND", []byte{0x01, 0, 0, 0, 0, 0}); err != nil {
		return err
	}
	begun = time.Now()
	if err := t.read(c, n, depth); err != nil {
		return fmt.Errorf("read: %w", err)
	}
	note("read MB/s, compared", float64(n)*float64(c.size)/1e6/time.Since(begun).Seconds())
	took, err := t.positions(n, o.locates)
	if err != nil {
		return fmt.Errorf("positioning: %w", err)
	}
	if o.locates > 0 {
		note("random positionings a second", float64(o.locates)/took.Seconds())
	}
	return nil
}
