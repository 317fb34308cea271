package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"govtl/internal/config"
	"govtl/internal/station"
)

// examineFile looks at who may change the configuration: it names commands that
// the daemons run (move-hook).
func examineFile(file string) []finding {
	fi, err := os.Stat(file)
	if err != nil || fi.Mode().Perm()&0o002 == 0 {
		return nil // load has told that it cannot be read
	}
	return []finding{{About: "permissions", Text: fmt.Sprintf("everybody may write %s (mode %04o)", file, fi.Mode().Perm()), Advice: "chmod o-w " + file}}
}

// examineSecrets reads the CHAP secrets as the daemons do.
func examineSecrets(s *config.Suite) []finding {
	if !s.ISCSI.CHAP {
		return nil
	}
	if _, err := station.Policy(s, config.Access{}); err != nil {
		advice := "vtl-secrets(5) has the form of the file; without it no target lets anybody in"
		if fi, serr := os.Stat(s.ISCSI.Secrets); serr == nil && fi.Mode().Perm()&0o077 != 0 {
			advice = "chmod 600 " + s.ISCSI.Secrets
		}
		return []finding{{About: "secrets", Text: err.Error(), Advice: advice}}
	}
	return []finding{{OK: true, About: "secrets", Text: s.ISCSI.Secrets}}
}

// owner is the user that a file belongs to.
func owner(fi fs.FileInfo) int {
	if st, ok := fi.Sys().(*syscall.Stat_t); ok {
		return int(st.Uid)
	}
	return -1
}

// examineDir says what keeps the suite from writing into a directory that user
// owns the state of.
func examineDir(about, dir string, user int) []finding {
	fi, err := os.Stat(dir)
	if err != nil {
		return nil // told elsewhere
	}
	switch mode := fi.Mode().Perm(); {
	case !fi.IsDir():
		return []finding{{About: about, Text: dir + " is no directory", Advice: "'vtlcmd up' makes it when nothing is there"}}
	case owner(fi) != user:
		return []finding{{About: about, Text: fmt.Sprintf("%s belongs to user %d, and the suite's state to user %d", dir, owner(fi), user),
			Advice: fmt.Sprintf("chown -R %d %s", user, dir)}}
	case mode&0o300 != 0o300:
		return []finding{{About: about, Text: fmt.Sprintf("its owner may not write into %s (mode %04o)", dir, mode), Advice: "chmod u+rwx " + dir}}
	case mode&0o002 != 0:
		return []finding{{About: about, Text: fmt.Sprintf("everybody may write into %s (mode %04o)", dir, mode), Advice: "chmod o-w " + dir}}
	}
	return nil
}

// examineRun looks at the run directory, which holds the secret of the bus.
func examineRun(dir string, user int) finding {
	f := finding{OK: true, About: "run directory", Text: dir}
	fi, err := os.Lstat(dir)
	switch {
	case err != nil:
		return finding{About: f.About, Text: err.Error(), Advice: "'vtlcmd up' makes it; another user's suite needs --state DIR"}
	case !fi.IsDir():
		return finding{About: f.About, Text: dir + " is no directory", Advice: "remove it while the suite does not run"}
	case owner(fi) != user:
		return finding{About: f.About, Text: fmt.Sprintf("%s belongs to user %d, and the suite's state to user %d", dir, owner(fi), user),
			Advice: fmt.Sprintf("chown -R %d %s", user, dir)}
	case fi.Mode().Perm()&0o022 != 0:
		return finding{About: f.About, Text: fmt.Sprintf("others may write into %s (mode %04o)", dir, fi.Mode().Perm()), Advice: "chmod 700 " + dir}
	}
	return f
}

// examineRoom looks at the file systems of the state and of the cartridges.
func examineRoom(a *app) []finding {
	dirs := []string{a.paths.State}
	for i := range a.suite.Libraries {
		dirs = append(dirs, a.paths.LibraryHome(&a.suite.Libraries[i]))
	}
	seen := map[uint64]bool{}
	var list []finding
	for _, dir := range dirs {
		fi, err := os.Stat(dir)
		if err != nil {
			continue
		}
		if st, ok := fi.Sys().(*syscall.Stat_t); ok && seen[st.Dev] {
			continue
		} else if ok {
			seen[st.Dev] = true
		}
		var fs syscall.Statfs_t
		if err := syscall.Statfs(dir, &fs); err != nil {
			list = append(list, finding{About: "disk", Text: fmt.Sprintf("%s: %v", dir, err)})
			continue
		}
		list = append(list, room(dir, int64(fs.Bavail)*fs.Bsize, fs.Files, fs.Ffree))
	}
	return list
}

// room judges what is free on a file system: bytes, and files of so many that
// there can be (0: any number).
func room(dir string, free int64, files, left uint64) finding {
	switch {
	case free < lowDisk:
		return finding{About: "disk", Text: fmt.Sprintf("%s free in %s", bytesText(free), dir),
			Advice: "make room: drives report early warning, then the end of the medium"}
	case files > 0 && left < lowFiles:
		return finding{About: "disk", Text: fmt.Sprintf("the file system of %s has room for %d more files", dir, left),
			Advice: "remove files: a cartridge is three of them and a directory"}
	}
	return finding{OK: true, About: "disk", Text: fmt.Sprintf("%s free in %s", bytesText(free), dir)}
}

// examinePort tells who has the port of an address, when the suite does not.
func examinePort(about, address string) []finding {
	l, err := net.Listen("tcp", address)
	if err == nil {
		l.Close()
		return nil
	}
	f := finding{About: about, Text: fmt.Sprintf("%s: %v", address, errors.Unwrap(errors.Unwrap(err)))}
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		f.Text = fmt.Sprintf("%s is taken by %s", address, holder(address))
		f.Advice = "end that program, or give the suite another address: listen in vtl.yaml, or --listen"
	case errors.Is(err, syscall.EADDRNOTAVAIL):
		f.Text = fmt.Sprintf("%s is no address of this host", address)
		f.Advice = "correct listen in vtl.yaml"
	case errors.Is(err, syscall.EACCES):
		f.Advice = "ports below 1024 need root: take one above"
	}
	return []finding{f}
}

// ours is a metric that nobody else serves; it comes before all that the daemons
// are asked for.
const ours = "vtl_build_info"

// examineMetrics asks for the metrics at their address.
func examineMetrics(address string) finding {
	client := http.Client{Timeout: probeTimeout}
	defer client.CloseIdleConnections()
	r, err := client.Get("http://" + reachable(address) + "/metrics")
	if err == nil {
		var page []byte
		page, err = io.ReadAll(io.LimitReader(r.Body, metricsPage))
		r.Body.Close()
		if err == nil && bytes.Contains(page, []byte(ours)) {
			return finding{OK: true, About: "metrics", Text: "http://" + address + "/metrics"}
		}
	}
	if taken := examinePort("metrics", address); len(taken) > 0 {
		f := taken[0]
		f.Advice += "; then 'vtlcmd reload'"
		return f
	}
	return finding{About: "metrics", Text: fmt.Sprintf("%s does not answer: %v", address, err),
		Advice: "'vtlcmd reload' applies the configuration, and says what is wrong with the address"}
}

// metricsPage bounds what is read of the metrics, in bytes: those of a large
// library with many drives are a few MB.
const metricsPage = 64 << 20

// holder names the process that listens on the port of an address, as far as we
// may see it (proc(5)).
func holder(address string) string {
	const somebody = "another program"
	_, text, err := net.SplitHostPort(address)
	if err != nil {
		return somebody
	}
	port, err := strconv.ParseUint(text, 10, 16)
	if err != nil {
		return somebody
	}
	for _, table := range []string{"/proc/net/tcp", "/proc/net/tcp6"} {
		data, err := os.ReadFile(table)
		if err != nil {
			continue
		}
		for line := range strings.Lines(string(data)) {
			// sl local_address rem_address st ... inode; 0A is LISTEN.
			f := strings.Fields(line)
			if len(f) < 10 || f[3] != "0A" || !strings.HasSuffix(f[1], fmt.Sprintf(":%04X", port)) {
				continue
			}
			if who := processOf(f[9]); who != "" {
				return who
			}
		}
	}
	return somebody
}

// processOf names the process with a socket.
func processOf(inode string) string {
	links, err := filepath.Glob("/proc/[0-9]*/fd/*")
	if err != nil {
		return ""
	}
	for _, link := range links {
		if to, err := os.Readlink(link); err != nil || to != "socket:["+inode+"]" {
			continue
		}
		dir := filepath.Dir(filepath.Dir(link))
		name, err := os.ReadFile(filepath.Join(dir, "comm"))
		if err != nil {
			return ""
		}
		return fmt.Sprintf("%s (process %s)", strings.TrimSpace(string(name)), filepath.Base(dir))
	}
	return ""
}
