"""Records what real clients say to a broker, for `clients_test.ts` to say again: kafka-python, told that the broker is of one release
of Kafka or another, and kcat.

    weir serve --port 9192 --data DIR --override advertised.listeners=PLAINTEXT://127.0.0.1:9193
    pip install kafka-python==2.0.2 lz4 python-snappy xxhash      (Python 3.11: of later ones it knows nothing)
    apt-get install kcat
    python record.py 9192 9193 kafka-python > kafka_python.jsonl
    python record.py 9192 9193 kcat > kcat.jsonl

One line for each request: its session, and the frame without its length, in hex. In a session three records are sent, "key-N" and
"value-N", and read again; where a group reads them it commits, and goes on from there.
"""
import json
import socket
import struct
import subprocess
import sys
import threading

broker, door, client_name = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
address = f"127.0.0.1:{door}"
session = ""
lock = threading.Lock()


def begin(name):
    global session
    with lock:
        session = name


def pump(source, target, note):
    """Passes bytes on, and shows each frame to `note`."""
    held = b""
    try:
        while chunk := source.recv(65536):
            held += chunk
            while len(held) >= 4 and len(held) >= 4 + struct.unpack(">i", held[:4])[0]:
                end = 4 + struct.unpack(">i", held[:4])[0]
                note(held[4:end])
                held = held[end:]
            target.sendall(chunk)
    except OSError:
        pass
    finally:
        for end in (source, target):
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass


def request(frame):
    with lock:
        print(json.dumps({"session": session, "hex": frame.hex()}, separators=(",", ":")), flush=True)


def serve(listener):
    while True:
        client, _ = listener.accept()
        upstream = socket.create_connection(("127.0.0.1", broker))
        threading.Thread(target=pump, args=(client, upstream, request), daemon=True).start()
        threading.Thread(target=pump, args=(upstream, client, lambda frame: None), daemon=True).start()


def kafka_python():
    from kafka import KafkaConsumer, KafkaProducer, TopicPartition

    for release in [(0, 8, 2), (0, 9), (0, 10), (0, 11), (1, 0), (2, 5)]:
        for codec in ["none", "gzip", "snappy", "lz4"]:
            name = ".".join(map(str, release))
            begin(f"{name} {codec}")
            topic = f"python-{name}-{codec}"
            common = dict(bootstrap_servers=address, api_version=release, client_id="kafka-python")
            producer = KafkaProducer(**common, compression_type=None if codec == "none" else codec, linger_ms=50, acks="all")
            for index in range(3):
                headers = [("index", b"%d" % index)] if release >= (0, 11) else None
                producer.send(topic, key=b"key-%d" % index, value=b"value-%d" % index, headers=headers, partition=0,
                              timestamp_ms=1_700_000_000_000 + index if release >= (0, 10) else None)
            producer.flush(20)
            producer.close()
            for turn in range(2):
                consumer = KafkaConsumer(topic, **common, group_id=f"group-of-{topic}", auto_offset_reset="earliest",
                                         enable_auto_commit=False)
                count = 0
                for _ in range(40):
                    count += sum(map(len, consumer.poll(timeout_ms=500).values()))
                    if count >= 3 or turn == 1:
                        break
                if turn == 0:
                    assert count == 3, f"{session}: {count} records"
                    consumer.commit()
                assert consumer.committed(TopicPartition(topic, 0)) == 3, f"{session}: not committed"
                consumer.close()


def kcat():
    def run(*args, text=None):
        command = ["kcat", "-b", address, "-m", "10", *args]
        return subprocess.run(command, input=text, capture_output=True, text=True, timeout=60, check=True).stdout

    records = "".join(f"key-{index}:value-{index}\n" for index in range(3))
    for codec in ["none", "gzip", "snappy", "lz4", "zstd"]:
        begin(codec)
        topic = f"kcat-{codec}"
        run("-P", "-t", topic, "-p", "0", "-K:", "-z", codec, "-H", "of=kcat", text=records)
        run("-L", "-t", topic)
        assert run("-C", "-t", topic, "-p", "0", "-o", "beginning", "-e", "-K:") == records, session
        assert run("-G", f"group-of-{topic}", "-X", "auto.offset.reset=earliest", "-c", "3", "-K:", topic) == records, session
        assert run("-Q", "-t", f"{topic}:0:-1").strip() == f"{topic} [0] offset 3", session


listener = socket.create_server(("127.0.0.1", door))
threading.Thread(target=serve, args=(listener,), daemon=True).start()
{"kafka-python": kafka_python, "kcat": kcat}[client_name]()
