// Command peer reads what weal-trust wrote, with Go's own packages, and writes what it must read.
// It prints one JSON object; whatever it did not accept stands under "errors".
package main

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"os"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

type proof struct {
	Index  int64       `json:"index"`
	Old    int64       `json:"old"`
	Hashes []tlog.Hash `json:"hashes"`
}

type tree struct {
	Size        int64             `json:"size"`
	Root        tlog.Hash         `json:"root"`
	Inclusion   []proof           `json:"inclusion"`
	Consistency []proof           `json:"consistency"`
	Tiles       map[string][]byte `json:"tiles,omitempty"`
}

type exchange struct {
	Trees       []tree   `json:"trees"`
	Note        string   `json:"note"`
	Vkey        string   `json:"vkey"`
	WitnessVkey string   `json:"witness_vkey"`
	Errors      []string `json:"errors"`
}

var answer = exchange{Errors: []string{}}

func check(err error, what string, args ...any) {
	if err != nil {
		answer.Errors = append(answer.Errors, fmt.Sprintf(what, args...)+": "+err.Error())
	}
}

// stored is a tree as Go keeps it.
type stored []tlog.Hash

func (s stored) ReadHashes(indexes []int64) ([]tlog.Hash, error) {
	hashes := make([]tlog.Hash, len(indexes))
	for i, index := range indexes {
		hashes[i] = s[index]
	}
	return hashes, nil
}

func grow(size int64) stored {
	var s stored
	for n := int64(0); n < size; n++ {
		hashes, err := tlog.StoredHashes(n, []byte(fmt.Sprintf("leaf %d", n)), s)
		check(err, "leaf %d", n)
		s = append(s, hashes...)
	}
	return s
}

func readTree(t tree) tree {
	s := grow(t.Size)
	root, err := tlog.TreeHash(t.Size, s)
	check(err, "tree of %d", t.Size)
	ours := tree{Size: t.Size, Root: root}
	for _, p := range t.Inclusion {
		leaf := tlog.RecordHash([]byte(fmt.Sprintf("leaf %d", p.Index)))
		check(tlog.CheckRecord(p.Hashes, t.Size, root, p.Index, leaf), "inclusion of %d in %d", p.Index, t.Size)
		made, err := tlog.ProveRecord(t.Size, p.Index, s)
		check(err, "proving %d", p.Index)
		ours.Inclusion = append(ours.Inclusion, proof{Index: p.Index, Hashes: nonNil(made)})
	}
	for _, p := range t.Consistency {
		old, err := tlog.TreeHash(p.Old, s)
		check(err, "tree of %d", p.Old)
		check(tlog.CheckTree(p.Hashes, t.Size, root, p.Old, old), "%d continues %d", t.Size, p.Old)
		made, err := tlog.ProveTree(t.Size, p.Old, s)
		check(err, "proving %d", p.Old)
		ours.Consistency = append(ours.Consistency, proof{Old: p.Old, Hashes: nonNil(made)})
	}
	readTiles(t, s)
	return ours
}

func nonNil(hashes []tlog.Hash) []tlog.Hash {
	if hashes == nil {
		return []tlog.Hash{}
	}
	return hashes
}

// readTiles compares with all tiles that Go would publish. Go's paths also name the tile height.
func readTiles(t tree, s stored) {
	tiles := tlog.NewTiles(8, 0, t.Size)
	if len(tiles) != len(t.Tiles) {
		check(fmt.Errorf("%d tiles, and Go has %d", len(t.Tiles), len(tiles)), "tree of %d", t.Size)
	}
	for _, tile := range tiles {
		path := strings.Replace(tile.Path(), "tile/8/", "tile/", 1)
		data, err := tlog.ReadTileData(tile, s)
		check(err, "tile %s", path)
		if !bytes.Equal(data, t.Tiles[path]) {
			check(fmt.Errorf("the bytes differ"), "tile %s of %d", path, t.Size)
		}
	}
}

// witness verifies and makes cosignatures (algorithm 0x04), which Go's note package leaves to others.
type witness struct {
	name string
	hash uint32
	key  ed25519.PublicKey
}

func (w witness) Name() string    { return w.name }
func (w witness) KeyHash() uint32 { return w.hash }
func (w witness) Verify(msg, sig []byte) bool {
	if len(sig) != 72 {
		return false
	}
	return ed25519.Verify(w.key, message(binary.BigEndian.Uint64(sig), msg), sig[8:])
}

func message(time uint64, msg []byte) []byte {
	return append([]byte(fmt.Sprintf("cosignature/v1\ntime %d\n", time)), msg...)
}

func newWitness(name string, key ed25519.PublicKey) (witness, string) {
	material := append([]byte{0x04}, key...)
	sum := sha256.Sum256(append([]byte(name+"\n"), material...))
	hash := binary.BigEndian.Uint32(sum[:])
	vkey := fmt.Sprintf("%s+%08x+%s", name, hash, base64.StdEncoding.EncodeToString(material))
	return witness{name, hash, key}, vkey
}

type cosigner struct {
	witness
	private ed25519.PrivateKey
}

func (c cosigner) Sign(msg []byte) ([]byte, error) {
	const time = 1_700_000_000
	sig := ed25519.Sign(c.private, message(time, msg))
	return append(binary.BigEndian.AppendUint64(nil, time), sig...), nil
}

func readNote(asked exchange) {
	log, err := note.NewVerifier(asked.Vkey)
	check(err, "verifier key %s", asked.Vkey)
	name, rest, _ := strings.Cut(asked.WitnessVkey, "+")
	_, material, _ := strings.Cut(rest, "+")
	key, err := base64.StdEncoding.DecodeString(material)
	check(err, "witness key")
	w, vkey := newWitness(name, ed25519.PublicKey(key[1:]))
	if vkey != asked.WitnessVkey {
		check(fmt.Errorf("Go writes %s", vkey), "witness key %s", asked.WitnessVkey)
	}
	opened, err := note.Open([]byte(asked.Note), note.VerifierList(log, w))
	check(err, "note")
	if err == nil && len(opened.Sigs) != 2 {
		check(fmt.Errorf("%d signatures verified", len(opened.Sigs)), "note")
	}
}

// writeNote signs a checkpoint of 257 leaves as another log would.
func writeNote() {
	seed := bytes.Repeat([]byte{3}, 32)
	private := ed25519.NewKeyFromSeed(seed)
	vkey, err := note.NewEd25519VerifierKey("go.example/ledger", private.Public().(ed25519.PublicKey))
	check(err, "verifier key")
	id := strings.Split(vkey, "+")[1]
	skey := "PRIVATE+KEY+go.example/ledger+" + id + "+" +
		base64.StdEncoding.EncodeToString(append([]byte{1}, seed...))
	signer, err := note.NewSigner(skey)
	check(err, "signer")
	root, err := tlog.TreeHash(257, grow(257))
	check(err, "tree")
	other := ed25519.NewKeyFromSeed(bytes.Repeat([]byte{4}, 32))
	w, witnessVkey := newWitness("go.example/witness", other.Public().(ed25519.PublicKey))
	text := fmt.Sprintf("go.example/ledger\n257\n%v\n", root)
	signed, err := note.Sign(&note.Note{Text: text}, signer, cosigner{w, other})
	check(err, "signing")
	answer.Note, answer.Vkey, answer.WitnessVkey = string(signed), vkey, witnessVkey
}

func main() {
	data, err := os.ReadFile(os.Args[1])
	if err != nil {
		panic(err)
	}
	var asked exchange
	if err := json.Unmarshal(data, &asked); err != nil {
		panic(err)
	}
	for _, t := range asked.Trees {
		answer.Trees = append(answer.Trees, readTree(t))
	}
	readNote(asked)
	writeNote()
	if err := json.NewEncoder(os.Stdout).Encode(answer); err != nil {
		panic(err)
	}
}
