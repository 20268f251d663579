import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.zip.ZipEntry;
import java.util.zip.ZipInputStream;

/** Unpacks the zip on standard input while it streams by: per entry its name, its size, its bytes. */
class Unzip {
    public static void main(String[] arguments) throws IOException {
        try (ZipInputStream zip = new ZipInputStream(System.in)) {
            for (ZipEntry entry; (entry = zip.getNextEntry()) != null; ) {
                String head = entry.getName() + " " + entry.getSize() + "\n";
                System.out.write(head.getBytes(StandardCharsets.UTF_8));
                zip.transferTo(System.out);
            }
        }
        System.out.flush();
    }
}
