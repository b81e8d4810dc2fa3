import java.util.Map;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.SparkSession;
import org.apache.spark.sql.streaming.StreamingQuery;
import org.apache.spark.sql.streaming.Trigger;

/**
 * A Structured Streaming query of Spark that counts words: it reads lines from one topic, so many at a time, and after
 * each batch it writes to the other how often each of its words has come so far, the word as the key.
 *
 *   Words HOST:PORT INPUT OUTPUT LINES_PER_BATCH MODE FILES        MODE: rest or ever
 *
 * It goes on from the checkpoint under FILES. By "rest" it ends with what is there when it starts, reads all of the output
 * in one batch query and prints how many rows there are; by "ever" it goes on until it is killed.
 */
public class Words {
    public static void main(String[] args) throws Exception {
        Map<String, String> broker = Map.of("kafka.bootstrap.servers", args[0]);
        String input = args[1];
        String output = args[2];
        boolean isRest = args[4].equals("rest");
        SparkSession spark = SparkSession.builder().appName("words").master("local[2]")
            .config("spark.ui.enabled", false)
            .config("spark.driver.host", "127.0.0.1")
            .config("spark.driver.bindAddress", "127.0.0.1")
            .config("spark.sql.shuffle.partitions", 2)
            .config("spark.sql.warehouse.dir", args[5] + "/warehouse")
            .config("spark.local.dir", args[5] + "/local")
            .getOrCreate();
        spark.sparkContext().setLogLevel("ERROR");

        Dataset<Row> lines = spark.readStream().format("kafka").options(broker)
            .option("subscribe", input)
            .option("startingOffsets", "earliest")
            .option("maxOffsetsPerTrigger", args[3])
            .option("kafka.isolation.level", "read_committed")
            .load();
        StreamingQuery query = lines.selectExpr("explode(split(cast(value as string), ' ')) as key")
            .groupBy("key").count()
            .selectExpr("key", "cast(count as string) as value")
            .writeStream().format("kafka").options(broker)
            .option("topic", output)
            .option("checkpointLocation", args[5] + "/checkpoint")
            .outputMode("update")
            .trigger(isRest ? Trigger.AvailableNow() : Trigger.ProcessingTime(0))
            .start();
        query.awaitTermination();
        long rows = spark.read().format("kafka").options(broker).option("subscribe", output).load().count();
        System.out.println("rows " + rows);
        spark.stop();
    }
}
