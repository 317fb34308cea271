package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"govtl/internal/config"
	"govtl/internal/provision"
	"govtl/libcart"
	"govtl/libdisc"
)

// shownMedia is how many cartridges of a library are named for one reason: the
// findings are to fit a screen.
const shownMedia = 4

// examineMedia opens the cartridges of a library for reading, which looks at no
// data, but those in a drive, which is writing them. user owns the suite's state.
func examineMedia(ctx context.Context, a *app, l *config.Library, busy map[string]bool, user int) []finding {
	about := fmt.Sprintf("cartridges %d", l.ID)
	home := a.paths.LibraryHome(l)
	entries, err := os.ReadDir(home)
	if err != nil {
		return []finding{{About: about, Text: err.Error(), Advice: "'vtlcmd up' makes the cartridges of a new library; mktape makes others"}}
	}
	list := examineDir(about, home, user)
	var broken, foreign, torn []string
	there := 0
	for _, e := range entries {
		if barcode, ok := strings.CutSuffix(e.Name(), ".iso"); ok && e.Type().IsRegular() && config.CheckBarcode(barcode) == nil {
			there++
			if why := examineDisc(home, barcode, busy[barcode], user); why != "" {
				broken = append(broken, why)
			}
			continue
		}
		if !e.IsDir() || config.CheckBarcode(e.Name()) != nil {
			continue
		}
		there++
		if busy[e.Name()] || ctx.Err() != nil {
			continue
		}
		dir := filepath.Join(home, e.Name())
		if who := stranger(dir, user); who != "" {
			foreign = append(foreign, who)
			continue
		}
		c, err := libcart.Open(dir, libcart.Options{ReadOnly: true})
		if err != nil {
			broken = append(broken, fmt.Sprintf("%s: %v", e.Name(), err))
			continue
		}
		switch r := c.Recovery(); {
		case r.MetaRebuilt:
			broken = append(broken, e.Name()+": "+r.Note)
		case !r.Clean:
			torn = append(torn, e.Name()+": "+r.Note)
		}
		if err := c.Close(); err != nil {
			broken = append(broken, fmt.Sprintf("%s: %v", e.Name(), err))
		}
	}
	list = append(list, some(finding{About: about, Advice: "'dumptape' shows what can be read, and repairs"}, broken)...)
	list = append(list, some(finding{About: about, Advice: fmt.Sprintf("chown -R %d %s", user, home)}, foreign)...)
	list = append(list, some(finding{OK: true, About: about}, torn)...)
	text := fmt.Sprintf("%d in %s", there, home)
	if len(torn) > 0 {
		text += fmt.Sprintf(", %d to be recovered at their next load", len(torn))
	}
	return append([]finding{{OK: true, About: about, Text: text}}, list...)
}

// examineDisc says what keeps a disc from being used; nothing of one that a drive
// is writing.
func examineDisc(home, barcode string, busy bool, user int) string {
	if busy {
		return ""
	}
	image := config.DiscImage(home, barcode)
	for _, name := range []string{image, image + libdisc.Suffix} {
		if fi, err := os.Lstat(name); err == nil && owner(fi) != user && fi.Mode().Perm()&0o002 == 0 {
			return fmt.Sprintf("%s belongs to user %d, and the suite's state to user %d", name, owner(fi), user)
		}
	}
	if _, err := provision.LookAt(home, barcode); err != nil {
		return err.Error()
	}
	return ""
}

// some makes findings like f of the first texts, and one that counts the others.
func some(f finding, texts []string) []finding {
	var list []finding
	for i, text := range texts {
		f.Text = text
		if i == shownMedia && len(texts) > shownMedia+1 {
			f.Text = fmt.Sprintf("and %d more like it", len(texts)-i)
			return append(list, f)
		}
		list = append(list, f)
	}
	for i := range max(0, len(list)-1) {
		list[i].Advice = "" // once is enough
	}
	return list
}

// stranger names a file of a cartridge that does not belong to user: the drive
// could not write it.
func stranger(dir string, user int) string {
	for _, name := range []string{"", "data", "index", "meta", "meta.copy"} {
		path := filepath.Join(dir, name)
		if fi, err := os.Lstat(path); err == nil && owner(fi) != user {
			return fmt.Sprintf("%s belongs to user %d, and the suite's state to user %d", strings.TrimSuffix(path, "/"), owner(fi), user)
		}
	}
	return ""
}
