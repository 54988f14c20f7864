package org.squeezesam.demo

import android.content.ContentProvider
import android.content.ContentValues
import android.content.Context
import android.database.Cursor
import android.database.MatrixCursor
import android.net.Uri
import android.os.ParcelFileDescriptor
import android.provider.OpenableColumns
import java.io.File
import java.io.FileNotFoundException

/** Gives another app the cut-out that the user shares with it, and nothing else. */
class CutOutProvider : ContentProvider() {
    override fun onCreate() = true

    override fun getType(uri: Uri) = PNG

    override fun openFile(uri: Uri, mode: String): ParcelFileDescriptor {
        if (mode != "r") throw FileNotFoundException("$uri can only be read")
        return ParcelFileDescriptor.open(fileOf(uri), ParcelFileDescriptor.MODE_READ_ONLY)
    }

    override fun query(uri: Uri, columns: Array<String>?, s: String?, a: Array<String>?, o: String?): Cursor? {
        val file = try {
            fileOf(uri)
        } catch (error: FileNotFoundException) {
            return null
        }
        val known = mapOf<String, Any>(OpenableColumns.DISPLAY_NAME to file.name, OpenableColumns.SIZE to file.length())
        val asked = columns ?: known.keys.toTypedArray()
        return MatrixCursor(asked).apply { addRow(asked.map { known[it] }) }
    }

    override fun insert(uri: Uri, values: ContentValues?): Uri? = null

    override fun update(uri: Uri, values: ContentValues?, s: String?, a: Array<String>?) = 0

    override fun delete(uri: Uri, s: String?, a: Array<String>?) = 0

    private fun fileOf(uri: Uri): File {
        val name = uri.pathSegments.singleOrNull().orEmpty()
        val folder = folder(checkNotNull(context))
        // Only names that lie in the folder itself: ".." and slashes lead out of it.
        return folder.listFiles().orEmpty().find { it.name == name } ?: throw FileNotFoundException("$uri")
    }

    companion object {
        const val PNG = "image/png"
        private const val AUTHORITY = "org.squeezesam.demo.cutouts"
        private const val FOLDER = "cutouts"

        private fun folder(context: Context) = File(context.cacheDir, FOLDER)

        /** A file to write and the address under which other apps read it. */
        fun place(context: Context, name: String): Pair<File, Uri> {
            val file = File(folder(context), name.replace('/', '_'))
            return file to Uri.Builder().scheme("content").authority(AUTHORITY).appendPath(file.name).build()
        }
    }
}
