import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.zip.ZipEntry;
import java.util.zip.ZipFile;
import java.util.zip.ZipOutputStream;
import org.jetbrains.org.objectweb.asm.ClassReader;
import org.jetbrains.org.objectweb.asm.ClassVisitor;
import org.jetbrains.org.objectweb.asm.ClassWriter;
import org.jetbrains.org.objectweb.asm.Handle;
import org.jetbrains.org.objectweb.asm.MethodVisitor;
import org.jetbrains.org.objectweb.asm.Opcodes;
import org.jetbrains.org.objectweb.asm.Type;

/**
 * Rewrites the class files of a jar for Java 8 and for dx, which knows neither nests nor invokedynamic.
 *
 * <p>Private members of nested classes become visible to their nest, and each lambda becomes a class
 * of its own. Run as {@code java -cp kotlin-compiler.jar Downgrade.java IN.jar OUT.jar}; the ASM
 * library inside the Kotlin compiler does the reading and writing. Classes for newer Java versions
 * ({@code META-INF}) are left out. The output depends on the classes alone.
 */
public final class Downgrade implements Opcodes {
    private static final int API = ASM9;
    private static final String FACTORY = "java/lang/invoke/LambdaMetafactory";
    private static final String[] BOXES = {
        null, "Boolean", "Character", "Byte", "Short", "Integer", "Float", "Long", "Double"
    };

    private final Map<String, byte[]> made = new LinkedHashMap<>();
    private final ClassReader reader;
    private final String owner;
    private boolean nested;

    private Downgrade(byte[] bytes) {
        reader = new ClassReader(bytes);
        owner = reader.getClassName();
        reader.accept(new ClassVisitor(API) {
            @Override public void visitNestHost(String host) { nested = true; }
            @Override public void visitNestMember(String member) { nested = true; }
        }, ClassReader.SKIP_CODE);
    }

    public static void main(String[] arguments) throws Exception {
        try (ZipFile from = new ZipFile(arguments[0]);
                ZipOutputStream to = new ZipOutputStream(Files.newOutputStream(Path.of(arguments[1])))) {
            List<ZipEntry> entries = new ArrayList<>();
            from.stream().filter(entry -> isClass(entry.getName())).forEach(entries::add);
            entries.sort(Comparator.comparing(ZipEntry::getName));
            for (ZipEntry entry : entries) {
                byte[] bytes = from.getInputStream(entry).readAllBytes();
                for (Map.Entry<String, byte[]> one : new Downgrade(bytes).classes().entrySet()) {
                    ZipEntry written = new ZipEntry(one.getKey() + ".class");
                    written.setTime(0);
                    to.putNextEntry(written);
                    to.write(one.getValue());
                    to.closeEntry();
                }
            }
        }
    }

    private static boolean isClass(String name) {
        return name.endsWith(".class") && !name.startsWith("META-INF/") && !name.endsWith("module-info.class");
    }

    private boolean isOpened(String name) {
        return nested || name.contains("lambda$");
    }

    private int access(int access, String name) {
        if ((access & ACC_PRIVATE) == 0 || name.equals("<clinit>") || !isOpened(name)) return access;
        boolean isInterface = (reader.getAccess() & ACC_INTERFACE) != 0;
        return access & ~ACC_PRIVATE | (isInterface ? ACC_PUBLIC : 0);
    }

    private Map<String, byte[]> classes() {
        ClassWriter writer = new ClassWriter(0);
        reader.accept(new ClassVisitor(API, writer) {
            @Override public void visit(int version, int access, String name, String signature, String superName, String[] faces) {
                super.visit(Math.min(version, V1_8), access, name, signature, superName, faces);
            }
            @Override public void visitNestHost(String host) {}
            @Override public void visitNestMember(String member) {}
            @Override public org.jetbrains.org.objectweb.asm.FieldVisitor visitField(int access, String name, String type, String signature, Object value) {
                return super.visitField(access(access, name), name, type, signature, value);
            }
            @Override public MethodVisitor visitMethod(int access, String name, String type, String signature, String[] thrown) {
                return new Body(super.visitMethod(access(access, name), name, type, signature, thrown));
            }
        }, 0);
        made.put(owner, writer.toByteArray());
        return made;
    }

    private final class Body extends MethodVisitor {
        Body(MethodVisitor to) { super(API, to); }

        @Override public void visitMethodInsn(int opcode, String of, String name, String type, boolean isInterface) {
            boolean wasPrivate = opcode == INVOKESPECIAL && of.equals(owner) && !name.equals("<init>") && isOpened(name);
            int called = !wasPrivate ? opcode : isInterface ? INVOKEINTERFACE : INVOKEVIRTUAL;
            super.visitMethodInsn(called, of, name, type, isInterface);
        }

        @Override public void visitInvokeDynamicInsn(String name, String type, Handle factory, Object... facts) {
            if (!factory.getOwner().equals(FACTORY)) {
                throw new IllegalArgumentException(owner + " needs " + factory + ", which is not rewritten");
            }
            String lambda = owner + "$$Lambda" + made.size();
            made.put(lambda, lambdaClass(lambda, type, name, (Type) facts[0], (Handle) facts[1], (Type) facts[2]));
            super.visitMethodInsn(INVOKESTATIC, lambda, "make", type, false);
        }
    }

    /** A class that holds what a lambda captured and implements the one method of its interface. */
    private static byte[] lambdaClass(String name, String factory, String method, Type erased, Handle body, Type real) {
        ClassWriter writer = new ClassWriter(ClassWriter.COMPUTE_MAXS);
        Type[] captured = Type.getArgumentTypes(factory);
        String face = Type.getReturnType(factory).getInternalName();
        writer.visit(V1_8, ACC_FINAL | ACC_SYNTHETIC, name, null, "java/lang/Object", new String[] {face});
        for (int i = 0; i < captured.length; i++) writer.visitField(0, "c" + i, captured[i].getDescriptor(), null, null);

        MethodVisitor code = writer.visitMethod(0, "<init>", "()V", null, null);
        code.visitCode();
        code.visitVarInsn(ALOAD, 0);
        code.visitMethodInsn(INVOKESPECIAL, "java/lang/Object", "<init>", "()V", false);
        code.visitInsn(RETURN);
        end(code);

        code = writer.visitMethod(ACC_STATIC, "make", factory, null, null);
        code.visitCode();
        code.visitTypeInsn(NEW, name);
        code.visitInsn(DUP);
        code.visitMethodInsn(INVOKESPECIAL, name, "<init>", "()V", false);
        int slot = 0;
        for (int i = 0; i < captured.length; i++) {
            code.visitInsn(DUP);
            code.visitVarInsn(captured[i].getOpcode(ILOAD), slot);
            code.visitFieldInsn(PUTFIELD, name, "c" + i, captured[i].getDescriptor());
            slot += captured[i].getSize();
        }
        code.visitInsn(ARETURN);
        end(code);

        code = writer.visitMethod(ACC_PUBLIC, method, erased.getDescriptor(), null, null);
        code.visitCode();
        boolean isConstructor = body.getTag() == H_NEWINVOKESPECIAL;
        if (isConstructor) {
            code.visitTypeInsn(NEW, body.getOwner());
            code.visitInsn(DUP);
        }
        for (int i = 0; i < captured.length; i++) {
            code.visitVarInsn(ALOAD, 0);
            code.visitFieldInsn(GETFIELD, name, "c" + i, captured[i].getDescriptor());
        }
        boolean isStatic = isConstructor || body.getTag() == H_INVOKESTATIC;
        Type[] taken = Type.getArgumentTypes(body.getDesc());
        int next = captured.length - (isStatic ? 0 : 1);
        slot = 1;
        for (int i = 0; i < erased.getArgumentTypes().length; i++) {
            Type given = erased.getArgumentTypes()[i];
            Type meant = real.getArgumentTypes()[i];
            code.visitVarInsn(given.getOpcode(ILOAD), slot);
            slot += given.getSize();
            if (isReference(meant)) code.visitTypeInsn(CHECKCAST, meant.getInternalName());
            else if (!meant.equals(given)) throw new IllegalArgumentException(name + " takes " + given);
            if (next >= 0 && next < taken.length && isReference(meant) && !isReference(taken[next])) unbox(code, taken[next]);
            next++;
        }
        int opcode = isConstructor ? INVOKESPECIAL : isStatic ? INVOKESTATIC : body.isInterface() ? INVOKEINTERFACE : INVOKEVIRTUAL;
        code.visitMethodInsn(opcode, body.getOwner(), body.getName(), body.getDesc(), body.isInterface());
        giveBack(code, isConstructor ? Type.getObjectType(body.getOwner()) : Type.getReturnType(body.getDesc()), erased.getReturnType());
        end(code);
        writer.visitEnd();
        return writer.toByteArray();
    }

    private static void giveBack(MethodVisitor code, Type has, Type wanted) {
        if (wanted.getSort() == Type.VOID) {
            if (has.getSort() != Type.VOID) code.visitInsn(has.getSize() == 2 ? POP2 : POP);
        } else if (isReference(wanted)) {
            if (has.getSort() == Type.VOID) code.visitInsn(ACONST_NULL);
            else if (!isReference(has)) box(code, has);
        } else if (isReference(has)) unbox(code, wanted);
        code.visitInsn(wanted.getOpcode(IRETURN));
    }

    private static void end(MethodVisitor code) {
        code.visitMaxs(0, 0);
        code.visitEnd();
    }

    private static boolean isReference(Type type) {
        return type.getSort() >= Type.ARRAY;
    }

    private static void box(MethodVisitor code, Type type) {
        String box = "java/lang/" + BOXES[type.getSort()];
        code.visitMethodInsn(INVOKESTATIC, box, "valueOf", "(" + type.getDescriptor() + ")L" + box + ";", false);
    }

    private static void unbox(MethodVisitor code, Type type) {
        String box = "java/lang/" + BOXES[type.getSort()];
        code.visitTypeInsn(CHECKCAST, box);
        code.visitMethodInsn(INVOKEVIRTUAL, box, type.getClassName() + "Value", "()" + type.getDescriptor(), false);
    }
}
