// Command franz writes golden vectors made by franz-go's own encoder (pkg/kmsg), a second opinion beside Kafka's.
//
//	go run . ../vectors/franz 0 1 2 3 ...
//
// For each api, version and direction: one message as kmsg makes it, with nothing set but defaults, and one filled with
// seeded values. kmsg names its fields differently from Kafka, so a vector carries no names: only the leaves of the
// value in the order of the struct, among them some that this version does not send.
package main

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"log"
	"math/rand"
	"os"
	"path/filepath"
	"reflect"
	"strconv"
	"strings"

	"github.com/twmb/franz-go/pkg/kmsg"
)

type vector struct {
	Direction string `json:"direction"`
	Version   int16  `json:"version"`
	Case      string `json:"case"`
	Leaves    []any  `json:"leaves"`
	Hex       string `json:"hex"`
}

type message interface {
	SetVersion(int16)
	AppendTo([]byte) []byte
	MaxVersion() int16
}

func main() {
	folder := os.Args[1]
	if err := os.MkdirAll(folder, 0o755); err != nil {
		log.Fatal(err)
	}
	for _, argument := range os.Args[2:] {
		key, err := strconv.Atoi(argument)
		if err != nil {
			log.Fatal(err)
		}
		writeApi(folder, int16(key))
	}
}

func writeApi(folder string, key int16) {
	var lines strings.Builder
	directions := []struct {
		name string
		make func() message
	}{
		{"request", func() message { return kmsg.RequestForKey(key) }},
		{"response", func() message { return kmsg.ResponseForKey(key) }},
	}
	for _, direction := range directions {
		for version := firstVersion(key); version <= direction.make().MaxVersion(); version++ {
			for _, kind := range []string{"default", "full"} {
				m := direction.make()
				m.SetVersion(version)
				leaves := []any{}
				if kind == "full" {
					seed := int64(key)<<16 + int64(version)<<1 + int64(len(direction.name)&1)
					fill(reflect.ValueOf(m).Elem(), rand.New(rand.NewSource(seed)), &leaves)
				}
				line, err := json.Marshal(vector{direction.name, version, kind, leaves, hex.EncodeToString(m.AppendTo(nil))})
				if err != nil {
					log.Fatal(err)
				}
				lines.Write(line)
				lines.WriteByte('\n')
			}
		}
	}
	name := fmt.Sprintf("%02d.jsonl", key)
	if err := os.WriteFile(filepath.Join(folder, name), []byte(lines.String()), 0o644); err != nil {
		log.Fatal(err)
	}
}

// firstVersion leaves out the early versions of share groups' requests, which Kafka has dropped.
func firstVersion(key int16) int16 {
	if key >= 76 && key <= 79 {
		return 1
	}
	return 0
}

// fill sets every field of a message, deeply, and lists the leaves that it set.
func fill(v reflect.Value, random *rand.Rand, leaves *[]any) {
	switch v.Kind() {
	case reflect.Struct:
		for i := 0; i < v.NumField(); i++ {
			name := v.Type().Field(i).Name
			if name == "UnknownTags" || name == "Version" && i == 0 {
				continue
			}
			fill(v.Field(i), random, leaves)
		}
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(v.Elem(), random, leaves)
	case reflect.Slice:
		if v.Type().Elem().Kind() == reflect.Uint8 {
			b := make([]byte, 1+random.Intn(9))
			random.Read(b)
			v.SetBytes(b)
			*leaves = append(*leaves, base64.StdEncoding.EncodeToString(b))
			return
		}
		count := 1 + random.Intn(2)
		v.Set(reflect.MakeSlice(v.Type(), count, count))
		for i := 0; i < count; i++ {
			fill(v.Index(i), random, leaves)
		}
	case reflect.Array: // a uuid
		b := make([]byte, v.Len())
		random.Read(b)
		reflect.Copy(v, reflect.ValueOf(b))
		*leaves = append(*leaves, base64.RawURLEncoding.EncodeToString(b))
	case reflect.String:
		s := "s" + strconv.Itoa(random.Intn(1_000_000)) + "ü"[:random.Intn(2)*2]
		v.SetString(s)
		*leaves = append(*leaves, s)
	case reflect.Bool:
		v.SetBool(random.Intn(2) == 0)
		*leaves = append(*leaves, v.Bool())
	case reflect.Int8:
		v.SetInt(int64(random.Intn(256) - 128))
		*leaves = append(*leaves, v.Int())
	case reflect.Int16:
		v.SetInt(int64(random.Intn(1<<16) - 1<<15))
		*leaves = append(*leaves, v.Int())
	case reflect.Uint16:
		v.SetUint(uint64(random.Intn(1 << 16)))
		*leaves = append(*leaves, v.Uint())
	case reflect.Int32:
		v.SetInt(int64(int32(random.Uint32())))
		*leaves = append(*leaves, v.Int())
	case reflect.Int64:
		v.SetInt(random.Int63n(1<<53-2) - random.Int63n(1<<53-2))
		*leaves = append(*leaves, v.Int())
	case reflect.Float64:
		v.SetFloat(random.NormFloat64())
		*leaves = append(*leaves, v.Float())
	default:
		log.Fatalf("no value for kind %v", v.Kind())
	}
}
