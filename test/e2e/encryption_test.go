//go:build e2e

package e2e

import (
	"bytes"
	"encoding/hex"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"govtl/test/linux"
	"govtl/test/suite"
)

// TestEncryption has stenc set and take away keys, and tar write and read. What
// was written with a key is nowhere in the cartridge's files, nor is the key.
func TestEncryption(t *testing.T) {
	r := newRig(t, suite.Options{}, 11)
	drive := r.load(t, 3, 0)
	dir := t.TempDir()
	file := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		return path
	}
	const secret, public = "what nobody may read without the key\n", "what anybody may read\n"
	file("secret", strings.Repeat(secret, 5000))
	file("public", strings.Repeat(public, 5000))
	key, other := "-the-key-of-this-test-32-bytes-!", "-another-key-of-the-same-length-"
	keyFile := file("key", hex.EncodeToString([]byte(key))+"\nthe tape's key\n")
	otherFile := file("other", hex.EncodeToString([]byte(other))+"\nanother\n")
	// status is of the block at the beginning: at the end of data stenc 1.0.7 crashes.
	status := func() string {
		t.Helper()
		linux.Run(t, "mt -f %s rewind", drive.Tape)
		return linux.Run(t, "stenc -f %s --detail", drive.Generic)
	}

	linux.Run(t, "tar -C %s -cf %s public", dir, drive.Tape)
	linux.Want(t, "stenc", status(), `IBM`, `Drive Encryption: +off`, `Volume Encryption: +Not encrypted`)
	linux.Run(t, "stenc -f %s -e mixed -k %s", drive.Generic, keyFile)
	linux.Want(t, "stenc", status(), `Drive Encryption: +mixed`, `the tape's key`)
	linux.Run(t, "mt -f %s eod", drive.Tape)
	linux.Run(t, "tar -C %s -cf %s secret", dir, drive.Tape)
	linux.Run(t, "mt -f %s rewind", drive.Tape)

	read := func(what string) {
		t.Helper()
		linux.Run(t, "rm -rf %[1]s/out && mkdir %[1]s/out", dir)
		linux.Run(t, "tar -C %s/out -xf %s", dir, drive.Tape)
		linux.Run(t, "cmp %[1]s/%[2]s %[1]s/out/%[2]s", dir, what)
	}
	skip := func() { t.Helper(); linux.Run(t, "mt -f %s fsf 1", drive.Tape) }
	read("public")
	skip()
	read("secret")

	for _, set := range []string{"-e off", "-e mixed -k " + otherFile} {
		linux.Run(t, "stenc -f %s %s", drive.Generic, set)
		linux.Run(t, "mt -f %s rewind", drive.Tape)
		read("public")
		skip()
		linux.Refused(t, "tar -C %s/out -xf %s", dir, drive.Tape)
	}
	linux.Run(t, "mt -f %s rewind", drive.Tape)
	linux.Run(t, "stenc -f %s -e on -k %s --ckod", drive.Generic, keyFile)
	linux.Refused(t, "tar -C %s/out -xf %s", dir, drive.Tape)
	linux.Run(t, "mt -f %s asf 1", drive.Tape)
	read("secret")
	linux.Run(t, "mt -f %s rewind", drive.Tape)

	// The key goes with the cartridge, and was never in a file.
	linux.Run(t, "mt -f %s eject", drive.Tape)
	linux.Run(t, "mtx -f %s unload 3 0", r.changer.Generic)
	r.load(t, 3, 0)
	linux.Want(t, "stenc", status(), `Drive Encryption: +off`)
	found := false
	err := filepath.WalkDir(r.State, func(path string, e fs.DirEntry, err error) error {
		if err != nil || !e.Type().IsRegular() {
			return err
		}
		b, err := os.ReadFile(path)
		found = found || bytes.Contains(b, []byte(public))
		for _, s := range []string{secret, key, other} {
			if bytes.Contains(b, []byte(s)) || bytes.Contains(b, []byte(hex.EncodeToString([]byte(s)))) {
				t.Errorf("%q is in %s", s, path)
			}
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if !found {
		t.Log("the clear file is compressed, so it cannot be searched for")
	}
	if out := r.Output(); strings.Contains(out, key) {
		t.Error("the key is in what the suite printed")
	}
}
